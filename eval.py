"""Stands where 4D-Humans has its ``eval.py``, and says what does that here."""

import sys

if __name__ == "__main__":
    sys.exit(
        "eval.py: results are scored by humantrack-eval here, against 3DPW, EMDB, PoseTrack and "
        "others: humantrack-eval --help, docs/evaluation.md. Scores of HMR2 alone on crops "
        "(H36M, LSP, COCO) are made by 4D-Humans' own eval.py: "
        "https://github.com/shubham-goel/4D-Humans"
    )
