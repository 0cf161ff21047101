// The parts of a page that a person sees, the first of each kind: its box within its parent, and its style, as far as that
// is not its parent's.
() => {
    const round = number => Math.round(number * 10) / 10;
    const hex = colour => {
        const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
        return a === 0 ? "" : "#" + [r, g, b].map(n => Math.round(n).toString(16).padStart(2, "0")).join("") + (a < 1 ? `/${round(a)}` : "");
    };
    const face = family => family.split(",")[0].replaceAll('"', "");
    const pixels = length => length.replace(/(\d+(\.\d+)?)px/g, (_, n) => `${round(Number(n))}`);
    const named = element => [element.tagName.toLowerCase(), ...[...element.classList].filter(name => !/\d/.test(name)).sort()].join(".");
    const inherited = style => ({
        font: `${style.fontWeight} ${pixels(style.fontSize)}/${pixels(style.lineHeight)} ${face(style.fontFamily)}`,
        "text-align": style.textAlign, "text-transform": style.textTransform, "white-space": style.whiteSpace,
        "letter-spacing": pixels(style.letterSpacing), "list-style": style.listStyleType, cursor: style.cursor,
    });
    const own = style => ({
        display: style.display, position: style.position === "static" ? "" : style.position,
        float: style.float === "none" ? "" : style.float,
        margin: pixels(style.margin) === "0" ? "" : pixels(style.margin),
        padding: pixels(style.padding) === "0" ? "" : pixels(style.padding),
        border: pixels(style.borderWidth) === "0" ? "" : `${pixels(style.borderWidth)} ${style.borderStyle}`,
        radius: pixels(style.borderRadius) === "0" ? "" : pixels(style.borderRadius),
        underline: style.textDecorationLine === "none" ? "" : style.textDecorationLine,
        image: style.backgroundImage === "none" ? "" : style.backgroundImage.replace(/^(\w[\w-]*).*/, "$1"),
        shadow: style.boxShadow === "none" ? "" : "yes",
    });
    const colours = (style, above) => ({
        ink: above.color === style.color ? "" : hex(style.color),
        paper: hex(style.backgroundColor),
        rule: pixels(style.borderWidth) === "0" ? "" : [...new Set(["Top", "Right", "Bottom", "Left"]
            .filter(side => style[`border${side}Width`] !== "0px").map(side => hex(style[`border${side}Color`])))].join(" "),
    });
    const kinds = new Map();
    for (const element of document.body.querySelectorAll("*")) {
        const parent = element.parentElement, kind = `${named(parent)} > ${named(element)}`;
        if (kinds.has(kind) || element.tagName === "OPTION" || element.closest("svg *, .visually-hidden")) continue;
        const box = element.getBoundingClientRect();
        if (box.width < 2 || box.height < 2 || !element.checkVisibility({visibilityProperty: true})) continue;
        const style = getComputedStyle(element), around = parent.getBoundingClientRect(), above = getComputedStyle(parent);
        const theirs = inherited(above), mine = inherited(style);
        const said = Object.entries(mine).filter(([name, value]) => value !== theirs[name]);
        kinds.set(kind, {
            kind,
            box: [box.x - around.x, box.y - around.y, box.width, box.height].map(Math.round),
            style: {...Object.fromEntries(said), ...own(style)},
            element,
        });
    }
    const by = theme => {
        document.documentElement.dataset.theme = theme;
        return [...kinds.values()].map(({element}) => colours(getComputedStyle(element), getComputedStyle(element.parentElement)));
    };
    const [day, night] = [by("light"), by("dark")];
    delete document.documentElement.dataset.theme;
    return [...kinds.values()].map(({kind, box, style}, place) => {
        const names = Object.keys(day[place]).filter(name => day[place][name] || night[place][name]);
        const seen = names.map(name => [name, `${day[place][name]}|${night[place][name]}`]);
        return {kind, box, style: Object.fromEntries([...Object.entries(style).filter(([, value]) => value), ...seen])};
    });
}
