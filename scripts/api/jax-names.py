"""Writes jax-names.json: the public names of JAX's modules, which docs/api is held against.

pip install jax flax && python3 scripts/api/jax-names.py
"""

import importlib
import json
import pathlib
import types

import flax
import jax

MODULES = [
    "jax",
    "jax.sharding",
    "jax.numpy",
    "jax.lax",
    "jax.nn",
    "jax.nn.initializers",
    "jax.random",
    "jax.tree",
    "jax.profiler",
    "jax.debug",
    "flax.nnx",
]


def public_names(module: str) -> list[str]:
    namespace = importlib.import_module(module)
    return [
        name
        for name in sorted(dir(namespace))
        if not name.startswith("_")
        # Primitives of the compiler.
        and not name.endswith("_p")
        and not isinstance(getattr(namespace, name), types.ModuleType)
    ]


names = {module: public_names(module) for module in MODULES}
# Operators are methods where a language cannot overload them.
OPERATORS = "add sub mul truediv floordiv mod divmod pow neg abs eq ne lt le gt ge and or xor invert lshift rshift matmul"
names["jax.Array"] = [f"__{name}__" for name in OPERATORS.split()] + [
    name for name in sorted(dir(jax.Array)) if not name.startswith("_")
]
versions = {"jax": jax.__version__, "flax": flax.__version__}
target = pathlib.Path(__file__).with_name("jax-names.json")
target.write_text(json.dumps({"versions": versions, "names": names}, indent=1) + "\n")
