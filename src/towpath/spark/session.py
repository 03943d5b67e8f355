"""Sessions of Spark: one for each process, on this machine or on a cluster."""

from __future__ import annotations

import os
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from towpath.core.errors import Conflict, Invalid, MissingExtra, Unavailable
from towpath.spark.java import find_java

INSTALL = "Run: pip install 'towpath[spark]'"

try:
    from py4j.protocol import Py4JError
    from pyspark import SparkContext
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession
except ModuleNotFoundError as error:
    raise MissingExtra(f"Spark needs the library {error.name!r}.", hint=INSTALL) from error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.spark.settings import SparkSettings

# What Spark raises when it fails.
FAILURES: tuple[type[Exception], ...] = (PySparkException, Py4JError)
REFUSALS: tuple[type[Exception], ...] = (*FAILURES, OSError, RuntimeError)
SCHEME = "spark:"
LOOPBACK = "127.0.0.1"
LOOPBACKS = {LOOPBACK, "localhost", "[::1]"}
LOG_FILE = Path(__file__).with_name("log4j2.properties")
EXECUTOR_SECONDS, POLL_SECONDS = 60.0, 0.2
SECRETS = "(?i)secret|password|token|access[._]?key|credential"
COMMON = {
    "spark.app.name": "towpath",
    "spark.log.level": "ERROR",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # Rows that the engine sends are whole columns: a batch is limited by its bytes.
    "spark.sql.execution.arrow.maxBytesPerBatch": "67108864",
    # What is collected is a training set, which the caller asked for.
    "spark.driver.maxResultSize": "0",
    "spark.redaction.regex": SECRETS,
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={LOG_FILE.as_uri()}",
}


def open_session(url: str, settings: SparkSettings, *, environ: Mapping[str, str]) -> SparkSession:
    """Open the session of this process, or return it if it is open.

    It listens on this machine alone where its cluster is on this machine, counts time in UTC, and
    its executors receive the variables of AWS.

    Args:
        url: ``spark:local[2]`` (threads of this machine) or ``spark://host:port`` (a cluster).
        settings: memory, interpreter.
        environ: the environment's variables.

    Raises:
        Invalid: the URL is of another form.
        MissingExtra: a library that Spark needs is not installed.
        Unavailable: there is no Java, or the cluster does not answer.
        Conflict: this process has a session elsewhere.
    """
    master = master_of(url)
    if find_spec("pandas") is None:
        raise MissingExtra("Spark needs the library 'pandas'.", hint=INSTALL)
    open_one = SparkSession.getActiveSession()
    if open_one is not None:
        return _same(open_one, master)
    find_java(environ)
    builder = SparkSession.builder.master(master)
    for name, value in session_options(master, settings, environ).items():
        builder = builder.config(name, value)
    try:
        with warnings.catch_warnings():
            # It warns of a pandas that none of our rows passes through.
            warnings.simplefilter("ignore", FutureWarning)
            session: SparkSession = builder.getOrCreate()
    except REFUSALS as error:
        message = f"Spark at {master} does not open a session: {_first_line(error)}."
        raise Unavailable(message, hint="See whether it runs: towpath spark status") from error
    # The interpreter of the workers is not asked of the environment, which may name none.
    session.sparkContext.pythonExec = settings.python or sys.executable
    if not master.startswith("local"):
        _await_executor(session, settings)
    return session


def master_of(url: str) -> str:
    """Return what Spark calls the master.

    Raises:
        Invalid: the URL names none.

    Example:
        >>> master_of("spark:local[2]"), master_of("spark://127.0.0.1:7077")
        ('local[2]', 'spark://127.0.0.1:7077')
    """
    master = url if url.startswith(f"{SCHEME}//") else url.removeprefix(SCHEME)
    if not master.startswith((f"{SCHEME}//", "local")):
        message = f"{url!r} names no Spark."
        raise Invalid(message, hint="Write spark:local[2] or spark://HOST:PORT.")
    return master


def session_options(
    master: str, settings: SparkSettings, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the configuration of a session.

    Example:
        >>> from towpath.spark.settings import SparkSettings
        >>> options = session_options("local[2]", SparkSettings(), {"AWS_REGION": "eu-west-1"})
        >>> options["spark.executorEnv.AWS_REGION"], options["spark.driver.host"]
        ('eu-west-1', '127.0.0.1')
    """
    options = {
        **COMMON,
        "spark.driver.memory": settings.memory,
        "spark.executor.memory": settings.memory,
    }
    # Executors reach a bucket as this process does: our code reads it there, not Spark's.
    for name, value in environ.items():
        if name.startswith("AWS_"):
            options[f"spark.executorEnv.{name}"] = value
    host = master.partition("//")[2].rpartition(":")[0]
    if master.startswith("local") or host in LOOPBACKS:
        options |= {"spark.driver.host": LOOPBACK, "spark.driver.bindAddress": LOOPBACK}
    return options


def _await_executor(session: SparkSession, settings: SparkSettings) -> None:
    """Wait for a worker; without one that has room, Spark would wait for ever and not say so."""
    deadline = time.monotonic() + EXECUTOR_SECONDS
    context = session.sparkContext
    # The driver is counted, too.
    while context._jsc.sc().getExecutorMemoryStatus().size() <= 1:
        if time.monotonic() > deadline:
            session.stop()
            message = f"No worker of {context.master} has room for {settings.memory} of memory."
            hint = "Set spark_memory lower, start larger workers, or end what runs there."
            raise Unavailable(message, hint=hint)
        time.sleep(POLL_SECONDS)


def _forget() -> None:
    """Leave a session to the process that opened it: its sockets cannot be shared after a fork."""
    SparkSession._instantiatedSession = None
    SparkContext._active_spark_context = SparkContext._gateway = SparkContext._jvm = None


os.register_at_fork(after_in_child=_forget)


def _same(session: SparkSession, master: str) -> SparkSession:
    """Return the open session, if it is the wanted one."""
    present = session.sparkContext.master
    if present != master:
        message = f"This process has a Spark session at {present}; {master} was asked for."
        raise Conflict(message, hint="Stop it first, with session.stop().")
    return session


def _first_line(error: Exception) -> str:
    """Shorten what Spark says."""
    return str(error).strip().partition("\n")[0].rstrip(".")
