"""What each ofmap pixel sees, by walking over the taps of every window with Python lists."""

from __future__ import annotations


def windows(
    images: list[list[list[list[bool]]]],
    channels: range,
    rows: range,
    q: int,
    taps: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    dilation: tuple[int, int],
) -> list[list[bool]]:
    """Bits of each window: images, ofmap rows, columns; within one channels, filter rows, columns. Padding is zero."""
    seen = []
    for image in images:
        for row in rows:
            for column in range(q):
                bits = []
                for channel in channels:
                    for r in range(taps[0]):
                        for s in range(taps[1]):
                            y = row * stride[0] - pad[0] + r * dilation[0]
                            x = column * stride[1] - pad[1] + s * dilation[1]
                            plane = image[channel]
                            inside = 0 <= y < len(plane) and 0 <= x < len(plane[0])
                            bits.append(plane[y][x] if inside else False)
                seen.append(bits)
    return seen
