"""THeader: a frame that holds a header with keys and values, and then the message, maybe transformed."""
