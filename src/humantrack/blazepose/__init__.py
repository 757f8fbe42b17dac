"""The embedded default: landmark model, landmarks -> body, colours."""
