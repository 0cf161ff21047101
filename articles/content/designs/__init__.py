"""How a magazine's pages are drawn: three designs, each for any pair of brand colours and both directions of writing.

design      one of `articles.models.Design`
sheet       what a design says in inline CSS, by tags and by roles: all that survives any theme (`sheet`)
role        what a passage is to the page, by its class while the page is made: `.lead`, `.pull`, `.summary`
ink         the brand's colours as text in them can be read, and the side on which lines begin (`sheet`)
"""

from articles.content.designs.drawing import masthead as masthead
from articles.content.designs.drawing import said_of as said_of
from articles.content.designs.drawing import sheet_of as sheet_of
from articles.content.designs.sheet import MONO as MONO
from articles.content.designs.sheet import ROLES as ROLES
from articles.content.designs.sheet import Ink as Ink
from articles.content.designs.sheet import Opening as Opening
from articles.content.designs.sheet import Sheet as Sheet
