"""A model that steers a browser at a site, where its pages are in the way of everything else.

agent      the model and its conversation (`talk`), a turn a paid call; what it may use up (`limits`)
work       the publish task that it works at (`work`)
goal       what it is asked to bring about (`steering`), and the look at the site that proves it (`goals`)
parcel     texts or the picture of a goal: Galley puts them in, where the model points (`tab`)
tab        the page that it steers, beside the one that Galley itself uses
toolset    what it can do with the tab, in the names of Anthropic's browser toolset (`toolset`)
fence      which requests of the tab leave: what the goal needs, and nothing else (`fence`)
channel    the browser's own channel, two of whose deeds are steered (`channel`)
"""
