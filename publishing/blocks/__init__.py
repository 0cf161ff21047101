"""The formatted page as a post that people can go on with: native blocks of WordPress.

Plain Python: no models, no settings, no network.

block       what the editor shows as one thing: a name, attributes in JSON, HTML (`block`)
look        what a site asks for: its own typography or the magazine's, and where the hero goes (`looks`)
style       how a block differs from its theme: attributes, and the classes and CSS that they become (`styles`)
rich text   words with letters in bold and links, and nothing that WordPress would run (`rich_text`)
kept        what no block can hold: a small piece of HTML as it is, counted with the reason
"""

from publishing.blocks.converting import Converted as Converted
from publishing.blocks.converting import Kept as Kept
from publishing.blocks.converting import convert as convert
from publishing.blocks.looks import Hero as Hero
from publishing.blocks.looks import Look as Look
from publishing.blocks.looks import Picture as Picture
from publishing.blocks.looks import Typography as Typography
