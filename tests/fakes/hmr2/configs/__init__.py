"""HMR2's configuration: attributes that can be frozen."""

from pathlib import Path

import yaml


class CfgNode(dict):
    def __init__(self, content):
        super().__init__({k: CfgNode(v) if isinstance(v, dict) else v for k, v in content.items()})
        self.__dict__["frozen"] = False

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name, value):
        if self.frozen:
            raise AttributeError(f"frozen: {name}")
        self[name] = value

    def freeze(self):
        self._set(True)

    def defrost(self):
        self._set(False)

    def _set(self, frozen):
        self.__dict__["frozen"] = frozen
        for value in self.values():
            if isinstance(value, CfgNode):
                value._set(frozen)


def get_config(config_file, merge=True, update_cachedir=False):
    cfg = CfgNode(yaml.safe_load(Path(config_file).read_text()))
    cfg.freeze()
    return cfg
