"""Stands where 4D-Humans has its ``train.py``, and says where training is done."""

import sys

if __name__ == "__main__":
    sys.exit(
        "train.py: humantrack does not train networks. Train with 4D-Humans "
        "(https://github.com/shubham-goel/4D-Humans, train.py) and use what comes of it here: "
        "humantrack tracker=hmr2 hmr.checkpoint=FILE"
    )
