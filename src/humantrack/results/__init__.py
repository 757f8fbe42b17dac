"""Records to and from PHALP's keys: streaming pickle writer, safe reader."""
