"""PHALP's tracker: cost, assignment, track life cycle, forecasts; owns the ids."""
