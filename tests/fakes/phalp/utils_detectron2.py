"""PHALP's predictor for detectron2's lazy configurations: it would fetch what is an address."""


class DefaultPredictor_Lazy:
    def __init__(self, cfg):
        self.checkpoint = cfg.train.init_checkpoint
        assert "://" not in self.checkpoint, "this would fetch weights"

    def __call__(self, image):
        raise AssertionError("the stand-in's people are found without a network")
