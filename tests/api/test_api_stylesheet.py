"""The one stylesheet: contrast in both schemes, and nothing from elsewhere."""

import re
from importlib.resources import files

import pytest

from steelyard.api.charts import PALETTES
from steelyard.api.wording import GROUPS, STANDINGS, TRIGGERS

CSS = (files("steelyard.api") / "static" / "steelyard.css").read_text(encoding="utf-8")
TEMPLATES = [file for file in (files("steelyard.api") / "templates").iterdir() if file.name.endswith(".html")]
TONES = ["valid", "due", "overdue", "drift", "jump", "idle"]


def colours(scheme: str) -> dict[str, str]:
    light = re.search(r"^:root \{.*?^\}", CSS, re.DOTALL | re.MULTILINE)[0]
    dark = re.search(r"@media \(prefers-color-scheme: dark\).*?^\}", CSS, re.DOTALL | re.MULTILINE)[0]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    if scheme == "dark":
        found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark))
    return found


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


PAIRS = [
    *[(text, ground) for text in ("ink", "quiet", "accent") for ground in ("paper", "sheet", "sunken")],
    ("accent-ink", "accent"),
    ("ink", "accent-tint"),
    *[(tone, f"{tone}-tint") for tone in TONES],
    *[(tone, "sheet") for tone in TONES],
    *[("ink", f"{tone}-tint") for tone in TONES],
    *[("quiet", f"{tone}-tint") for tone in TONES],
    *[("accent", f"{tone}-tint") for tone in TONES],
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_has_the_contrast_of_wcag_aa_on_its_ground(scheme, text, ground):
    held = colours(scheme)
    assert contrast(held[text], held[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_of_the_drawings_can_be_seen(scheme):
    held = colours(scheme)
    for line in ("limit", *TONES):
        assert contrast(held[line], held["sheet"]) >= 3.0  # WCAG 2.2, 1.4.11


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_charts_use_the_colours_of_the_stylesheet(scheme):
    held, palette = colours(scheme), PALETTES[scheme]
    for name in ("ink", "quiet", "line", "accent", "drift", "jump", "due", "limit"):
        assert getattr(palette, name) == held[name], name


def test_every_status_has_a_word_a_sign_and_a_colour_that_exist():
    signs = (files("steelyard.api") / "templates" / "signs.html").read_text(encoding="utf-8")
    for standing in [*STANDINGS.values(), *TRIGGERS.values(), *GROUPS]:
        assert standing.label
        assert standing.tone in TONES
        assert f'name == "{standing.sign}"' in signs


def test_nothing_is_loaded_from_another_origin():
    assert "url(" not in CSS
    assert "@import" not in CSS
    for file in TEMPLATES:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"(src|href|action)=\"(https?:)?//", text), file.name


def test_no_template_holds_inline_styles_or_scripts_that_the_policy_forbids():
    for file in TEMPLATES:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\ssrc=)", text), file.name


def test_no_template_switches_escaping_off():
    for file in TEMPLATES:
        assert "|safe" not in file.read_text(encoding="utf-8").replace(" ", ""), file.name


def test_every_class_that_a_template_names_has_a_rule():
    ruled = set(re.findall(r"\.([a-z][\w-]*)", CSS))
    named: set[str] = set()
    for file in TEMPLATES:
        text = re.sub(r"\{[%{].*?[%}]\}", " ", file.read_text(encoding="utf-8"))
        for value in re.findall(r'class="([^"]*)"', text):
            named |= {word for word in value.split() if not word.endswith("-")}
    assert named - ruled <= {"high", "name", "figure", "plot"} | {w for w in named if w.startswith("tone")}
