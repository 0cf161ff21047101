"""Getting an article onto a site: the fifth stage.

site        a WordPress, with the user who writes there and an encrypted password
task        one go of the stage, which people and programs submit, watch and stop (`publish_tasks`)
options     how the post shall be, beside what the article says
way         how one gets onto a site: REST, XML-RPC, the best that works; a page at the desk
publisher   what publishes by one way (`publishers`)
channel     what can be asked of a site, the same by each way
kept        what the site has made of a field: kept, changed or dropped (`keeping`)
door        a way into a WordPress: its REST API (`wordpress`) or XML-RPC (`xmlrpc`), over one `line`
answer      what WordPress says; where it is no success: what that means, and what mends it (`answers`)
trial       a site tried before an article goes there (`trial`)
preview     the page that stands for a site where an article has none
"""
