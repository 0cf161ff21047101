"""Tags that a site's generator would have replaced are not printed; what stands within them, and all code, stays."""

from __future__ import annotations

import pytest

from articles.content.reading import site_tags


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('before {{< youtube "abc" >}} after', "before  after"),
        ("one{{< a >}}{% b %}{{< c >}}two", "one two"),
        ("{{% note %}}\nin **note**\n{{% /note %}}", "\nin **note**\n"),
        ("{% include nav.html %}words{% endinclude %}", "words"),
        ('see [the docs]({{< ref "x" >}}) and [more]({% link a.md %}#b)', "see the docs and more"),
        ("[home]({{ site.baseurl }}/about)", "home"),
        ('{{< figure src="a.png" caption="A fine view" >}}', "A fine view"),
        ('{{< figure src="https://a.b/c.png" alt="A view" >}}', "[A view](https://a.b/c.png)"),
        ('one{{< figure caption="A view" >}}two{{< x >}}three', "one A view two three"),
        ("un<Bold>believ</Bold>able", "unbelievable"),
        (
            '<Quiz id="a b c" question="What is it that a tag says?" next={`And this one?`} kind="x" />',
            "a b c What is it that a tag says? And this one?",
        ),
        ('<InfoGrid items={[{a: {b: "1"}}, 2 > 1]} />x', "x"),
        ("<Note>words</Note>", "words"),
        ("<InfoGrid\n  rows={[\n\n    1]}\n/>", ""),
        ("<STYLE>a</STYLE><FONT color=red>b</FONT>", "<STYLE>a</STYLE><FONT color=red>b</FONT>"),
        ("<style>a</Style>b", "<style>a</Style>b"),
        ("<<Note a=1>words</Note>", "< words"),
        ("{/* a remark */}x", "x"),
        ('import X from "./x"\nx', "x"),
        ("List<String> and Map<K, V> and {x} and {{ y }}", "List<String> and Map<K, V> and {x} and {{ y }}"),
        ("write `{{< ref >}}` and ``{% x %}``", "write `{{< ref >}}` and ``{% x %}``"),
        ("```\n{{< ref >}}\nimport X from 'x'\n```\n{{< ref >}}x", "```\n{{< ref >}}\nimport X from 'x'\n```\nx"),
    ],
)
def test_tags_of_sites_go(text: str, left: str) -> None:
    assert site_tags.without(text) == left
