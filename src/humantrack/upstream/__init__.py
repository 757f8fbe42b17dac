"""The genuine PHALP and 4D-Humans packages in our pipeline. Imported only when asked."""
