"""The picture: per set and engine, F1 at the default cut and seconds, as an SVG."""
COLOURS = {"driveline": "#1f6feb", "splink4": "#f0883e", "splink4_same_pairs": "#f2a66b", "splink5": "#db6d28", "goldenmatch": "#8b949e", "dedupe": "#6e7681"}
ROW, LEFT, WIDTH, GAP = 16, 190, 300, 60


def draw(results):
    lines, y = [], 40
    slowest = max((of["seconds"] for engines in results.values() for of in engines.values()), default=1.0)
    for name, engines in results.items():
        lines.append(f'<text x="8" y="{y + 12}" font-weight="600">{name}</text>')
        for engine, of in engines.items():
            colour = COLOURS.get(engine, "#999999")
            f1, seconds = of["f1_default"], of["seconds"]
            second = LEFT + WIDTH + GAP + 60
            width = max(2.0, WIDTH * seconds / slowest)
            lines.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{engine}</text>')
            lines.append(f'<rect x="{LEFT}" y="{y}" width="{WIDTH * f1:.1f}" height="12" fill="{colour}"/>')
            lines.append(f'<text x="{LEFT + WIDTH + 6}" y="{y + 11}">{f1:.4f}</text>')
            lines.append(f'<rect x="{second}" y="{y}" width="{width:.1f}" height="12" fill="{colour}"/>')
            lines.append(f'<text x="{second + width + 6:.1f}" y="{y + 11}">{seconds:.1f} s</text>')
            y += ROW
        y += 10
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + 2 * WIDTH + 200}" height="{y + 10}" '
        'font-family="sans-serif" font-size="11">\n<rect width="100%" height="100%" fill="white"/>\n'
        f'<text x="{LEFT}" y="24" font-weight="600">F1 at the default cut</text>'
        f'<text x="{LEFT + WIDTH + GAP + 60}" y="24" font-weight="600">seconds, all in</text>\n'
    )
    return head + "\n".join(lines) + "\n</svg>\n"
