"""The stages: each a function from a claimed article to what it made. They know no queue and no states.

stage       one of five steps, a module each: article, prompts, images, format; the upload is publishing's
outcome     what a stage made: its file in the tree, who made it, details for the record
opening     what comes before the sections of a long article: title, introduction, pictures, outline
section     a part of a long article, written and kept on its own
text call   a paid question to the text service: a prompt's two templates, an answer by a schema
prompt      what a picture shall show, and the words for those who cannot see it
"""
