"""HTTP/1.1 on the event loop: connections, the requests that arrive on them, their answers."""
