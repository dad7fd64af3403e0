"""Counts effectual MACs by walking the whole loop nest."""


def tap_counts(ifmap, p, q, r, s, stride, pad, dilation):
    """Non-zero ifmap values seen through each tap; ``ifmap`` is nested lists [N][C][H][W] of 0 and 1."""
    n_channels, height, width = len(ifmap[0]), len(ifmap[0][0]), len(ifmap[0][0][0])
    counts = [[[0] * s for _ in range(r)] for _ in range(n_channels)]
    for image in ifmap:
        for channel, plane in enumerate(image):
            for row in range(p):
                for col in range(q):
                    for tap_r in range(r):
                        for tap_s in range(s):
                            y = row * stride[0] - pad[0] + tap_r * dilation[0]
                            x = col * stride[1] - pad[1] + tap_s * dilation[1]
                            if 0 <= y < height and 0 <= x < width and plane[y][x]:
                                counts[channel][tap_r][tap_s] += 1
    return counts
