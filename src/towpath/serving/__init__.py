"""From a promoted model version to answers over HTTP, and a durable log of each answer."""
