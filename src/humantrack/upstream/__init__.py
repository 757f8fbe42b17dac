"""The genuine PHALP and 4D-Humans packages on our street. Nothing here is imported unless asked."""
