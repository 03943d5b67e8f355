"""The tables that online values have in Cassandra, and what is asked of them."""

from __future__ import annotations

TABLES = (
    """CREATE TABLE IF NOT EXISTS parts (
        generation uuid, key blob, part blob, value blob, version uuid static,
        PRIMARY KEY ((generation, key), part))""",
    "CREATE TABLE IF NOT EXISTS areas (area text PRIMARY KEY, generation uuid, meta blob)",
    """CREATE TABLE IF NOT EXISTS leftovers (
        area text, generation uuid, until double, PRIMARY KEY (area, generation))""",
)
STATEMENTS = {
    "area": "SELECT generation, meta FROM areas WHERE area = ?",
    "make": "INSERT INTO areas (area, generation) VALUES (?, ?) IF NOT EXISTS",
    "swap": """UPDATE areas SET generation = ?, meta = ? WHERE area = ?
        IF generation = ? AND meta = ?""",
    "drop": "DELETE FROM areas WHERE area = ? IF generation = ?",
    "read": "SELECT part, value FROM parts WHERE generation = ? AND key = ? AND part IN ?",
    "root": "SELECT part, value, version FROM parts WHERE generation = ? AND key = ? LIMIT 1",
    "part": "SELECT value, version FROM parts WHERE generation = ? AND key = ? AND part = ?",
    "keys": "SELECT generation, key, part FROM parts PER PARTITION LIMIT 1",
    "claim": "UPDATE parts SET version = ? WHERE generation = ? AND key = ? IF version = ?",
    "put": "INSERT INTO parts (generation, key, part, value) VALUES (?, ?, ?, ?)",
    "cut": "DELETE FROM parts WHERE generation = ? AND key = ? AND part = ?",
    "fill": """INSERT INTO parts (generation, key, part, value) VALUES (?, ?, ?, ?)
        USING TIMESTAMP 1""",
    "remove": "DELETE FROM parts WHERE generation = ? AND key = ?",
    "leave": "INSERT INTO leftovers (area, generation, until) VALUES (?, ?, ?)",
    "left": "SELECT generation, until FROM leftovers WHERE area = ?",
    "forget": "DELETE FROM leftovers WHERE area = ? AND generation = ?",
}
# Whose effect is the same, however often they are carried out.
SAFE_TO_REPEAT = (
    "area",
    "read",
    "root",
    "part",
    "keys",
    "fill",
    "remove",
    "leave",
    "left",
    "forget",
)
