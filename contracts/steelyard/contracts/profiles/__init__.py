"""Device profiles that come with Steelyard, one TOML file a device."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable

from steelyard.contracts.errors import ProfileError


def builtin_names() -> tuple[str, ...]:
    """The names of the profiles that come with Steelyard."""
    return tuple(
        sorted(
            item.name.removesuffix(".toml")
            for item in resources.files(__name__).iterdir()
            if item.name.endswith(".toml")
        )
    )


def builtin(name: str) -> Traversable:
    """The file of a profile that comes with Steelyard.

    The caller reads its text. Raises ProfileError for another name.
    """
    if name not in builtin_names():
        raise ProfileError(
            "profile", name, f"not one of {', '.join(builtin_names())}; give the path of a .toml file for your own"
        )
    return resources.files(__name__).joinpath(f"{name}.toml")
