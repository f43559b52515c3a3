"""Slow, obvious references for decoding. Nothing here may import framesift."""

import numpy as np

import naive


def chroma(samples, shift, region, gain, bias, shape):
    """Every sample stands for a block of the picture: repeat it, and shrink the picture."""
    picture = samples.repeat(1 << shift[0], axis=1).repeat(1 << shift[1], axis=0)
    return naive.thumbnail(picture, region, gain, bias, shape)


def colour_differences(rgb):
    """(h, w, 3) red, green and blue → (2, h, w) levels around 128: ITU-R BT.601, full range."""
    red, green, blue = np.moveaxis(rgb.astype(float), -1, 0)
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    return np.stack([128 + (blue - y) / 1.772, 128 + (red - y) / 1.402])
