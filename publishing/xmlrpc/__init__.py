"""A WordPress by XML-RPC: the door that is open where the REST API, or the header of its login, is kept out.

value    what XML-RPC can say: texts, numbers, moments, bytes, lists, structs (`values`)
fault    an error inside an answer, known by its number alone (`faults`)
term     what a field is called here and in the REST API, whose words all that drives a site uses (`terms`)
client   one site, one user; answers as `publishing.wordpress.client` does (`client`)
"""
