"""What WordPress has written, read from its own tables, and how to make them as they were."""

from dataclasses import dataclass, field

from .mariadb import MariaDB

SITE = "wordpress"
PRISTINE = "pristine"  # the same tables, as they were when the site was new

_POSTS = """
    SELECT JSON_OBJECT('id', ID, 'slug', post_name, 'title', post_title, 'status', post_status,
                       'content', post_content, 'excerpt', post_excerpt, 'author', post_author,
                       'mime', post_mime_type)
    FROM wp_posts WHERE post_type = '{kind}' AND post_status != 'auto-draft' ORDER BY ID"""
_META = "SELECT JSON_ARRAY(post_id, meta_key, meta_value) FROM wp_postmeta ORDER BY meta_id"
_TERMS = """
    SELECT JSON_ARRAY(object_id, taxonomy, name)
    FROM wp_term_relationships JOIN wp_term_taxonomy USING (term_taxonomy_id) JOIN wp_terms USING (term_id)
    ORDER BY object_id, taxonomy, name"""
_KEEP = "CREATE TABLE pristine.{table} LIKE {table}; INSERT INTO pristine.{table} SELECT * FROM {table};"
_RESTORE = "TRUNCATE {table}; INSERT INTO {table} SELECT * FROM pristine.{table};"
_PLAIN_PERMALINKS = """
    UPDATE wp_options SET option_value = '' WHERE option_name IN ('permalink_structure', 'rewrite_rules')"""
_REVOKE = "DELETE FROM wp_usermeta WHERE user_id = {user} AND meta_key = '_application_passwords'"
_AGE = """
    UPDATE wp_posts SET post_modified = post_modified - INTERVAL 1 HOUR,
                        post_modified_gmt = post_modified_gmt - INTERVAL 1 HOUR WHERE ID = {post}"""
_SET_OPTION = "REPLACE INTO wp_options (option_name, option_value) VALUES ('{name}', '{value}')"


@dataclass(frozen=True)
class Post:
    """A row of wp_posts and what belongs to it."""

    id: int
    slug: str
    title: str
    status: str
    content: str
    excerpt: str
    author: int
    mime: str
    meta: dict[str, str] = field(default_factory=dict)
    terms: dict[str, list[str]] = field(default_factory=dict)  # taxonomy → names

    @property
    def featured(self) -> int | None:
        """The id of its featured image."""
        return int(self.meta["_thumbnail_id"]) if "_thumbnail_id" in self.meta else None

    @property
    def alt(self) -> str:
        return self.meta.get("_wp_attachment_image_alt", "")

    @property
    def file(self) -> str:
        """Its file, relative to the uploads folder; empty for a post that is not media."""
        return self.meta.get("_wp_attached_file", "")


@dataclass(frozen=True)
class Tables:
    """The tables of one site, installed and not yet used."""

    database: MariaDB

    def read(self, kind: str) -> list[Post]:
        """Every post of a kind, the trashed too; not the empty ones that the editor makes when it opens."""
        rows = self.database.rows(_POSTS.format(kind=kind), SITE)
        meta: dict[int, dict[str, str]] = {}
        for post, key, value in self.database.rows(_META, SITE):
            meta.setdefault(post, {})[key] = value
        terms: dict[int, dict[str, list[str]]] = {}
        for post, taxonomy, name in self.database.rows(_TERMS, SITE):
            terms.setdefault(post, {}).setdefault(taxonomy, []).append(name)
        return [Post(**row, meta=meta.get(row["id"], {}), terms=terms.get(row["id"], {})) for row in rows]

    def keep(self) -> None:
        """Remember every table as it is now."""
        self._for_each_table(_KEEP)

    def restore(self) -> None:
        self._for_each_table(_RESTORE)

    def _for_each_table(self, statements: str) -> None:
        tables = self.database.execute("SHOW TABLES", SITE).split()
        self.database.execute("".join(statements.format(table=table) for table in tables), SITE)

    def use_plain_permalinks(self) -> None:
        self.database.execute(_PLAIN_PERMALINKS, SITE)

    def revoke(self, user: int) -> None:
        self.database.execute(_REVOKE.format(user=user), SITE)

    def age(self, post: int) -> None:
        """Set it back an hour: the site counts whole seconds, and of two posts of one second neither is the latest."""
        self.database.execute(_AGE.format(post=post), SITE)

    def set_option(self, name: str, value: int) -> None:
        self.database.execute(_SET_OPTION.format(name=name, value=value), SITE)
