"""How predictions look: the same in the report, the annotated video and the demo's preview.

The report's page gets `LOOK` and the colors as data, so its script has no lengths or colors of its own. Sizes grow with
the picture: a `Length` is some pixels and a share of the picture's shorter side.
"""

import colorsys
from dataclasses import dataclass
from functools import cache

type Length = tuple[float, float]

PALETTE = (
    "#5b9bff",
    "#ff9248",
    "#3ecf8e",
    "#f0609e",
    "#b58cff",
    "#ecc534",
    "#2fc4d8",
    "#ff6b6b",
    "#9bd14b",
    "#d98cf0",
    "#f2a7a0",
    "#7fd6c2",
)

DARK, LIGHT = "#10131a", "#ffffff"


@dataclass(frozen=True, kw_only=True)
class Look:
    """Lengths, and opacities from 0 to 1.

    Attributes:
        line: The width of lines.
        text: The height of letters.
        names_max: If there are more boxes, only the surest have names: more would hide the picture.
        sure: A key point with a lower confidence is drawn faintly.
        limbs: The pairs of key points, by COCO's names, that are joined by a line.
        arrow: The length of the arrow of a region's line.
        label_height, label_padding, label_radius, margin: Times the height of letters. The margin is that of labels
            without a box, and of a region's label.
        point, landmark, gaze_line, barb, casing: Radii, widths and a length, times the width of lines.
        gaze: The length of a gaze, times the width of the face.
    """

    line: Length = (1, 1 / 240)
    text: Length = (8, 1 / 45)
    names_max: int = 60
    sure: float = 0.5
    limbs: tuple[tuple[str, str], ...] = (
        ("nose", "left_eye"),
        ("nose", "right_eye"),
        ("left_eye", "left_ear"),
        ("right_eye", "right_ear"),
        ("left_shoulder", "right_shoulder"),
        ("left_shoulder", "left_elbow"),
        ("left_elbow", "left_wrist"),
        ("right_shoulder", "right_elbow"),
        ("right_elbow", "right_wrist"),
        ("left_shoulder", "left_hip"),
        ("right_shoulder", "right_hip"),
        ("left_hip", "right_hip"),
        ("left_hip", "left_knee"),
        ("left_knee", "left_ankle"),
        ("right_hip", "right_knee"),
        ("right_knee", "right_ankle"),
    )
    box_opacity: float = 0.12
    mask_opacity: float = 0.3
    limb_opacity: float = 0.9
    unsure_limb_opacity: float = 0.2
    unsure_point_opacity: float = 0.25
    area_opacity: float = 0.1
    casing_opacity: float = 0.6
    label_height: float = 1.4
    label_padding: float = 0.3
    label_radius: float = 0.2
    margin: float = 0.5
    point: float = 1.6
    landmark: float = 0.9
    gaze_line: float = 1.4
    barb: float = 6
    gaze: float = 1.5
    arrow: Length = (8, 1 / 24)
    casing: float = 2
    dark: str = DARK
    light: str = LIGHT


LOOK = Look()


def measure(length: Length, width: float, height: float) -> float:
    """Returns a length on a picture, in its pixels."""
    pixels, share = length
    return pixels + share * min(width, height)


def pick_color(number: int, model: int = 0, models: int = 1) -> str:
    """Returns the color of a class, as #rrggbb.

    Args:
        number: The class's number among those of its model, in the order in which they are first seen.
        model: The model's number, of so many `models`.
    """
    number = number * models + model
    if number < len(PALETTE):
        return PALETTE[number]
    # The golden angle gives neighboring numbers different hues.
    channels = colorsys.hls_to_rgb(number * 137.508 % 360 / 360, 0.62 if number % 2 else 0.7, 0.75)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)


@cache
def pick_ink(color: str) -> str:
    """Returns the color of letters that are easy to read on a color."""
    red, green, blue = ((int(color[at : at + 2], 16) / 255) ** 2.2 for at in (1, 3, 5))
    return DARK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 else LIGHT
