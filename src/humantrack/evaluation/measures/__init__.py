"""The formulas of bodies and of the world; tracking is left to TrackEval and motmetrics."""
