#!/usr/bin/env python3
"""Draw the built-in pictures of `quern validate`: a dozen small PNG files, made for this project and free to use.

    pictures.py Sources/Evaluation/BuiltIn/Pictures

Scenes, signs, a chart, a page of text, a plan, and two that pass for photographs: what vision encoders are asked about, in three
shapes. Few colours and sizes keep them small. Needs Pillow; its embedded font is Aileron (CC0).
"""
import math, os, random, sys
from PIL import Image, ImageDraw, ImageFilter, ImageFont

WIDE, TALL, SQUARE = (192, 128), (128, 192), (160, 160)
SCALE = 4  # drawn larger, then made small: edges are smooth


class Canvas:
    def __init__(self, size, background):
        self.size = size
        self.image = Image.new("RGB", (size[0] * SCALE, size[1] * SCALE), background)
        self.draw = ImageDraw.Draw(self.image)

    def box(self, x0, y0, x1, y1, color, radius=0):
        self.draw.rounded_rectangle([v * SCALE for v in (x0, y0, x1, y1)], radius * SCALE, fill=color)

    def disc(self, x, y, rx, color, ry=None):
        ry = rx if ry is None else ry
        self.draw.ellipse([v * SCALE for v in (x - rx, y - ry, x + rx, y + ry)], fill=color)

    def shape(self, points, color):
        self.draw.polygon([(x * SCALE, y * SCALE) for x, y in points], fill=color)

    def line(self, points, color, width=2):
        self.draw.line([(x * SCALE, y * SCALE) for x, y in points], fill=color, width=round(width * SCALE), joint="curve")

    def text(self, x, y, words, size, color="black", anchor="la"):
        font = ImageFont.load_default(size * SCALE)
        self.draw.text((x * SCALE, y * SCALE), words, font=font, fill=color, anchor=anchor)

    def small(self):
        return self.image.resize(self.size, Image.Resampling.LANCZOS)


def house():
    c = Canvas(WIDE, (150, 205, 240))
    c.disc(164, 24, 13, (255, 215, 60))
    c.box(0, 92, 192, 128, (95, 165, 75))
    c.box(58, 58, 122, 106, (200, 70, 60))
    c.shape([(50, 60), (90, 28), (130, 60)], (110, 60, 40))
    c.box(82, 80, 98, 106, (90, 55, 30))
    for x in (64, 104):
        c.box(x, 68, x + 12, 80, (245, 240, 190))
    c.box(22, 78, 29, 108, (100, 70, 40))
    c.disc(26, 66, 19, (50, 120, 55))
    for x in range(134, 190, 9):
        c.box(x, 90, x + 4, 112, (245, 245, 245))
    c.box(132, 96, 192, 99, (245, 245, 245))
    return c.small()


def boat():
    c = Canvas(WIDE, (240, 190, 140))
    c.disc(60, 72, 20, (230, 90, 50))
    c.box(0, 74, 192, 128, (40, 85, 130))
    for y, x in ((84, 40), (94, 62), (106, 30), (90, 150), (112, 120)):
        c.box(x, y, x + 26, y + 2, (90, 140, 180), 1)
    c.shape([(96, 90), (168, 90), (156, 106), (106, 106)], (120, 60, 30))
    c.line([(130, 90), (130, 22)], (70, 40, 20), 3)
    c.shape([(127, 26), (127, 84), (92, 84)], (250, 250, 245))
    c.shape([(133, 30), (133, 84), (162, 84)], (220, 50, 50))
    return c.small()


def fruit():
    c = Canvas(SQUARE, (235, 225, 205))
    c.box(0, 104, 160, 160, (165, 115, 70))
    c.disc(54, 88, 26, (205, 40, 40))
    c.line([(54, 64), (60, 50)], (90, 60, 30), 3)
    c.disc(70, 54, 9, (80, 150, 60), 4)
    c.disc(108, 92, 23, (245, 150, 35))
    c.shape([(20, 120), (60, 140), (118, 138), (142, 114), (112, 127), (62, 128), (28, 112)], (245, 215, 60))
    return c.small()


def bars():
    c = Canvas(WIDE, "white")
    c.text(96, 4, "Visitors per day", 13, anchor="ma")
    c.line([(28, 22), (28, 108), (186, 108)], (60, 60, 60), 1.5)
    for step in range(1, 5):
        y = 108 - step * 20
        c.line([(28, y), (186, y)], (215, 215, 215), 1)
        c.text(25, y, str(step * 10), 10, (60, 60, 60), "rm")
    for number, (day, value) in enumerate((("Mon", 12), ("Tue", 27), ("Wed", 18), ("Thu", 35), ("Fri", 23))):
        x = 36 + number * 31
        c.box(x, 108 - value * 2, x + 20, 108, (220, 80, 60) if day == "Thu" else (70, 115, 180))
        c.text(x + 10, 111, day, 11, (40, 40, 40), "ma")
    return c.small()


def page():
    c = Canvas(TALL, (252, 250, 243))
    c.text(64, 8, "The Old Mill", 15, anchor="ma")
    lines = ["The mill by the river", "had two stones. One", "was old and never", "moved. The other", "turned day and night,", "and the flour was as",
             "white as snow.", "", "On 3 May 1872 the", "wheel broke. It took", "17 men to mend it."]
    for number, line in enumerate(lines):
        c.text(10, 34 + number * 13, line, 11, (30, 30, 30))
    c.text(64, 181, "- 42 -", 9, (90, 90, 90), "ma")
    return c.small().convert("L").convert("RGB")


def sign():
    c = Canvas(TALL, (175, 205, 225))
    c.box(0, 160, 128, 192, (120, 120, 120))
    c.box(60, 96, 68, 176, (150, 150, 150))
    side, middle = 46, (64, 58)
    points = [(middle[0] + side * math.cos(math.radians(22.5 + 45 * k)), middle[1] + side * math.sin(math.radians(22.5 + 45 * k)))
              for k in range(8)]
    c.shape(points, "white")
    c.shape([(middle[0] + (x - middle[0]) * 0.92, middle[1] + (y - middle[1]) * 0.92) for x, y in points], (200, 30, 40))
    c.text(64, 58, "STOP", 28, "white", "mm")
    return c.small()


def clock():
    c = Canvas(SQUARE, (70, 90, 85))
    c.disc(80, 80, 66, (40, 35, 30))
    c.disc(80, 80, 60, (250, 248, 240))
    for hour in range(1, 13):
        angle = math.radians(hour * 30 - 90)
        c.text(80 + 48 * math.cos(angle), 80 + 48 * math.sin(angle), str(hour), 14, (20, 20, 20), "mm")
    for angle, length, width in ((-90 + 10 * 30 + 5, 26, 5), (-90 + 60, 38, 3)):
        angle = math.radians(angle)
        c.line([(80, 80), (80 + length * math.cos(angle), 80 + length * math.sin(angle))], (20, 20, 20), width)
    c.disc(80, 80, 4, (180, 30, 30))
    return c.small()


def cat():
    c = Canvas(SQUARE, (225, 215, 235))
    grey, dark = (110, 105, 110), (70, 65, 70)
    c.box(0, 128, 160, 160, (150, 110, 160))
    c.line([(108, 132), (136, 122), (138, 96)], grey, 9)
    c.disc(80, 114, 34, grey, 30)
    c.disc(80, 66, 28, grey, 25)
    for side in (-1, 1):
        c.shape([(80 + side * 27, 60), (80 + side * 24, 24), (80 + side * 6, 44)], grey)
        c.shape([(80 + side * 23, 50), (80 + side * 22, 33), (80 + side * 12, 44)], (215, 150, 160))
        c.disc(80 + side * 11, 62, 5, (150, 200, 70))
        c.disc(80 + side * 11, 62, 1.6, "black", 4.5)
        for lift in (-3, 3):
            c.line([(80 + side * 8, 76), (80 + side * 38, 76 + lift)], (240, 240, 240), 0.8)
        c.disc(80 + side * 14, 140, 10, dark, 6)
    c.shape([(76, 71), (84, 71), (80, 76)], (215, 120, 130))
    return c.small()


def plan():
    c = Canvas(WIDE, (238, 236, 228))
    c.box(0, 70, 192, 84, "white")
    c.box(84, 0, 98, 128, "white")
    c.line([(0, 20), (60, 34), (130, 16), (192, 30)], (150, 195, 230), 11)
    c.box(12, 92, 74, 122, (175, 215, 160), 4)
    c.text(43, 107, "PARK", 13, (50, 100, 50), "mm")
    for x, y in ((104, 92), (128, 92), (152, 92), (104, 108), (152, 108), (12, 44), (40, 50), (108, 44), (150, 48)):
        c.box(x, y, x + 18, y + 11, (205, 190, 175))
    c.disc(140, 60, 8, (210, 40, 50))
    c.shape([(133, 63), (147, 63), (140, 76)], (210, 40, 50))
    c.disc(140, 60, 3, "white")
    c.text(6, 77, "Main St", 10, (90, 90, 90), "lm")
    return c.small()


def shapes():
    c = Canvas(SQUARE, "white")
    c.disc(42, 44, 28, (40, 90, 210))
    c.box(90, 16, 146, 72, (230, 190, 30))
    c.shape([(42, 94), (14, 146), (70, 146)], (30, 150, 80))
    c.line([(96, 96), (142, 142)], (200, 40, 120), 10)
    c.line([(142, 96), (96, 142)], (200, 40, 120), 10)
    return c.small()


def smooth_noise(size, cells, seed):
    rng = random.Random(seed)
    field = Image.new("L", cells)
    field.putdata([rng.randrange(256) for _ in range(cells[0] * cells[1])])
    return field.resize(size, Image.Resampling.BICUBIC)


def few(image, colors):
    """The picture in few colours, which makes its file small."""
    return image.quantize(colors, dither=Image.Dither.NONE)


def mountains():
    width, height = WIDE
    image = Image.new("RGB", WIDE)
    for y in range(height):
        share = y / height
        image.paste((round(95 + 150 * share), round(140 + 75 * share), round(200 - 10 * share)), (0, y, width, y + 1))
    clouds = smooth_noise(WIDE, (9, 12), 5).point(lambda v: max(0, v - 130))
    image.paste((255, 250, 245), (0, 0), clouds)
    for layer, (base, rough, color) in enumerate(((62, 26, (120, 135, 165)), (84, 20, (75, 95, 110)), (106, 12, (35, 60, 45)))):
        line = smooth_noise((width, 1), (7 + 4 * layer, 1), 11 + layer)
        grain = smooth_noise(WIDE, (48, 32), 21 + layer)
        for x in range(width):
            top = base - round(rough * (line.getpixel((x, 0)) / 255 - 0.3))
            for y in range(max(0, top), height):
                light = 0.8 + 0.4 * grain.getpixel((x, y)) / 255
                snow = layer == 0 and y < top + 7
                image.putpixel((x, y), tuple(min(255, round(v * light)) for v in ((235, 238, 245) if snow else color)))
    return few(image.filter(ImageFilter.GaussianBlur(0.7)), 48)


def flower():
    c = Canvas(SQUARE, (40, 80, 45))
    c.image.paste((95, 140, 70), (0, 0), smooth_noise(c.image.size, (6, 6), 3))
    c.image = c.image.filter(ImageFilter.GaussianBlur(18))
    c.draw = ImageDraw.Draw(c.image)
    c.line([(82, 84), (90, 160)], (70, 120, 50), 5)
    for ring, (count, reach, color) in enumerate(((13, 50, (215, 130, 175)), (11, 38, (240, 170, 205)))):
        for k in range(count):
            angle = 2 * math.pi * (k + 0.5 * ring) / count
            along, across = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
            points = []
            for step in range(24):
                turn = 2 * math.pi * step / 24
                far, wide = reach * (0.55 + 0.45 * math.cos(turn)), 8.5 * math.sin(turn)
                points.append((80 + far * along[0] + wide * across[0], 74 + far * along[1] + wide * across[1]))
            light = 0.85 + 0.15 * math.cos(angle + 2)
            c.shape(points, tuple(round(v * light) for v in color))
    c.disc(80, 74, 13, (235, 185, 50))
    rng = random.Random(9)
    for _ in range(60):
        angle, far = rng.random() * 2 * math.pi, 12 * math.sqrt(rng.random())
        c.disc(80 + far * math.cos(angle), 74 + far * math.sin(angle), 1.1, (190, 130, 30))
    return few(c.small().filter(ImageFilter.GaussianBlur(0.6)), 48)


PICTURES = [house, boat, fruit, bars, page, sign, clock, cat, plan, shapes, mountains, flower]


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for draw in PICTURES:
        image = draw()
        if image.mode == "RGB":
            image = few(image, 32)
        image.save(f"{folder}/{draw.__name__}.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
