"""The campaign's tables (SQLAlchemy Core): the same on SQLite and on PostgreSQL.

Times are ISO 8601 in UTC as text, so that both databases sort and compare them alike. JSON is text for the same reason.
"""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, MetaData, Table, Text, UniqueConstraint

SCHEMA_VERSION = 7

metadata = MetaData()

meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

# --- what was collected ---------------------------------------------------------------------------------------------

posts = Table(
    "posts",
    metadata,
    Column("post_id", Text, primary_key=True),  # x:263046056240115712, or sha:<12 hex>
    Column("source", Text, nullable=False),  # file the post was first read from; "synthetic" for the demo's world
    Column("created_at", Text),
    Column("lang", Text),
    Column("text", Text, nullable=False),  # raw, as the source gave it; "" once the post is gone
    Column("author_key", Text),  # keyed hash of the author's id; the id itself is nowhere
    Column("sensitive", Integer),  # 1 where the platform says so
    Column("status", Text, nullable=False, server_default="live"),  # live | deleted | protected | withheld
    Column("checked_at", Text),  # when `ccd compliance` last asked
)

images = Table(
    "images",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("file", Text, nullable=False),  # relative to the campaign folder: images/ab/ab12….jpg
    Column("format", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("cleaned_sha256", Text),  # of the file since `ccd doctor --fix` took metadata out of it; None for most
    Column("phash", Text),  # two perceptual hashes, 32 hex digits; None until `ccd duplicates` looked, "" if flat
)

pairs = Table(
    "pairs",
    metadata,
    Column("pair_id", Text, primary_key=True),  # <post_id>:<photo>
    Column("post_id", Text, ForeignKey("posts.post_id"), nullable=False, index=True),
    Column("image", Text, ForeignKey("images.sha256"), nullable=False, index=True),
    Column("photo", Integer, nullable=False),  # place of the photo in its post, from 0
    Column("text", Text, nullable=False),  # what the annotator sees
    Column("model_text", Text),  # what a model sees
    Column("alt_text", Text),  # never shown to annotators: it would tell them what the image shows
    Column("duplicate_group", Text, index=True),  # smallest pair id of its near-duplicates; None until looked
    Column("copy_of", Text),  # the earlier pair whose picture and text are both alike; None for most
    Column("text_sha256", Text, nullable=False, index=True),
    Column("collected_at", Text, nullable=False, index=True),
)
Index("pairs_same_content", pairs.c.text_sha256, pairs.c.image, unique=True)

drops = Table(
    "drops",  # what was read and not kept, one row an item, so that running twice counts once
    metadata,
    Column("source", Text, primary_key=True),
    Column("item", Text, primary_key=True, index=True),  # pair id, or a place such as "line 12"
    Column("reason", Text, nullable=False),
    Column("detail", Text),
)

photos = Table(
    "photos",  # photos of posts that came with addresses only: what is to be downloaded, and how it went
    metadata,
    Column("pair_id", Text, primary_key=True),
    Column("post_id", Text, ForeignKey("posts.post_id"), nullable=False, index=True),
    Column("photo", Integer, nullable=False),
    Column("url", Text, nullable=False),
    Column("text", Text, nullable=False),  # what the annotator will see: cleaned with links that posts do not keep
    Column("alt_text", Text),
    Column("state", Text, nullable=False, index=True),  # todo | done | failed | gone
    Column("reason", Text),  # of the last failure
    Column("tries", Integer, nullable=False, server_default="0"),
)

cursors = Table(
    "cursors",  # how far each query of an API has come, so that nothing is asked or paid for twice
    metadata,
    Column("query", Text, primary_key=True),
    Column("cursor", Text),  # the source's next token; None at the start
    Column("pages", Integer, nullable=False),
    Column("posts", Integer, nullable=False),  # posts read so far, which is what is paid for
    Column("done", Integer, nullable=False),  # 1 where the source has no more
)

priors = Table(
    "priors",  # labels that came with a post from elsewhere: never judgments
    metadata,
    Column("post_id", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("label", Text, nullable=False),
)

tombstones = Table(
    "tombstones",  # posts that are gone: what is left of them
    metadata,
    Column("post_id", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("at", Text, nullable=False),
)

# --- what was sent out ----------------------------------------------------------------------------------------------

rounds = Table(
    "rounds",
    metadata,
    Column("round", Integer, primary_key=True, autoincrement=False),
    Column("arm", Text, nullable=False),  # random | active | gold
    Column("strategy", Text, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("pool", Integer, nullable=False),  # pairs that could have been drawn
    Column("model_version", Text),
    Column("created_at", Text, nullable=False),
    Column("question", Text),  # whose label an active round is to find; None where an older toolkit made it
)

round_pairs = Table(
    "round_pairs",
    metadata,
    Column("round", Integer, ForeignKey("rounds.round"), primary_key=True),
    Column("pair_id", Text, ForeignKey("pairs.pair_id"), primary_key=True),
    Column("inclusion_probability", Float),  # None where the strategy has none
    Column("part", Text),  # of an active round: strategy | diverse | random; None in the others
    Column("place", Integer),  # in the order of an active round, from 0; None in the others
)

assignments = Table(
    "assignments",
    metadata,
    Column("pair_id", Text, ForeignKey("pairs.pair_id"), primary_key=True),
    Column("annotator", Text, primary_key=True),
    Column("round", Integer, ForeignKey("rounds.round"), nullable=False, index=True),
    Column("position", Integer, nullable=False),  # place in this annotator's own order, from 0 in each round
)

assists = Table(
    "assists",  # the pairs of rounds that go out with predictions: what the model says, and whether desks show it
    metadata,
    Column("round", Integer, ForeignKey("rounds.round"), primary_key=True),
    Column("pair_id", Text, ForeignKey("pairs.pair_id"), primary_key=True, index=True),
    Column("model_version", Text, nullable=False),
    Column("label", Text, nullable=False),  # the model's most likely label of the primary question
    Column("score", Float, nullable=False),  # its probability
    Column("shown", Integer, nullable=False),  # 1: on every desk; 0: blind on every desk, drawn at random
)

desks = Table(
    "desks",  # one Label Studio project an annotator, and one for the adjudicators
    metadata,
    Column("desk", Text, primary_key=True),  # the annotator's name, or "@adjudication"
    Column("project_id", Integer, nullable=False),
    Column("user_id", Integer),  # whose answers count here; None on the adjudicators' desk
    Column("watermark", Text),  # server time up to which changes were pulled; None: all is pulled again
    Column("page", Text),  # digest of the labeling page that `ccd push` put there last; None before schema 6
    Column("page_since", Text),  # server time since which the page is right, NEVER while it is not; None: always was
)

revisions = Table(
    "revisions",  # what was asked of annotators, in every form that was ever in use; see ccd/campaign/revisions.py
    metadata,
    Column("revision", Integer, primary_key=True, autoincrement=False),  # 1, 2, … in the order of first use
    Column("digest", Text, nullable=False, unique=True),
    Column("protocol", Text, nullable=False),  # JSON: the complete protocol
    Column("first_used", Text, nullable=False),
)

pages = Table(
    "pages",  # which revision of the protocol a desk's labeling page asks, and since when
    metadata,
    Column("desk", Text, primary_key=True),
    Column("revision", Integer, ForeignKey("revisions.revision"), nullable=False),
    Column("since", Text, primary_key=True),  # server time; "" for the page with which the desk was made
)

tasks = Table(
    "tasks",  # the ledger: which task of which desk stands for a pair
    metadata,
    Column("desk", Text, primary_key=True),
    Column("pair_id", Text, ForeignKey("pairs.pair_id"), primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("task_id", Integer),  # None: sent, and the reply not seen
    Column("data_sha256", Text, nullable=False),  # what the task should show
    Column("server_updated_at", Text),  # as last pulled
    Column("annotations", Text),  # their ids as last pulled, each after a blank
    Column("shown_since", Text),  # server time since which it shows its pair again; None: always did
    UniqueConstraint("project_id", "task_id"),
)

stray_tasks = Table(
    "stray_tasks",  # tasks somebody made or doubled in a desk by hand
    metadata,
    Column("project_id", Integer, primary_key=True),
    Column("task_id", Integer, primary_key=True),
    Column("desk", Text, nullable=False),
    Column("pair_id", Text),  # None: shows no pair of this campaign
    Column("server_updated_at", Text),
    Column("annotations", Text),  # as in `tasks`
)

uploads = Table(
    "uploads",  # pictures sent to a Label Studio that cannot read this disk
    metadata,
    Column("sha256", Text, ForeignKey("images.sha256"), primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("url", Text, nullable=False),
)

# --- what came back -------------------------------------------------------------------------------------------------

judgments = Table(
    "judgments",  # append-only: a changed, edited or deleted answer is a newer version
    metadata,
    Column("judgment_id", Integer, primary_key=True),
    Column("annotation", Text, nullable=False),  # <id>@<time of creation> in Label Studio
    Column("version", Integer, nullable=False),
    Column("project_id", Integer, nullable=False),
    Column("task_id", Integer, nullable=False),
    Column("pair_id", Text, ForeignKey("pairs.pair_id"), nullable=False, index=True),
    Column("annotator", Text, nullable=False),  # whose desk, or the adjudicator who answered
    Column("role", Text, nullable=False),  # annotator | adjudicator
    Column("status", Text, nullable=False),  # see ccd/campaign/tables/judgments.py
    Column("answers", Text),  # JSON {question: label or score}; None where there is none
    Column("seconds", Float),
    Column("comment", Text),
    Column("prediction", Text),  # version of the model whose prediction the task showed; None where it showed none
    Column("created_at", Text, nullable=False),  # Label Studio's clock
    Column("answered_at", Text),  # the same clock: when the answer was last saved; None before schema 6
    Column("revision", Integer, nullable=False, server_default="1"),  # of the protocol it was given under
    Column("digest", Text, nullable=False),  # of all the above that can change
    Column("pulled_at", Text, nullable=False),
    UniqueConstraint("annotation", "version"),
    Index("judgments_task", "project_id", "task_id"),
)

# --- what was made of it --------------------------------------------------------------------------------------------

labels = Table(
    "labels",  # settled and open pairs, as of the last `ccd labels`
    metadata,
    Column("pair_id", Text, ForeignKey("pairs.pair_id"), primary_key=True),
    Column("question", Text, primary_key=True),
    Column("label", Text),  # None while open or incomplete; a number as text for scores
    Column("resolved_by", Text, nullable=False),  # unanimous | majority | adjudicated | mean | rule:<name> | open | …
    Column("votes", Text, nullable=False),  # JSON {label: count}
)

splits = Table(
    "splits",
    metadata,
    Column("pair_id", Text, ForeignKey("pairs.pair_id"), primary_key=True),
    Column("split", Text, nullable=False),
    Column("leakage_group", Text, nullable=False),
)

published = Table(
    "published",  # every pair that a release had, and where the first one had it: dev and test never move
    metadata,
    Column("pair_id", Text, ForeignKey("pairs.pair_id"), primary_key=True),
    Column("split", Text, nullable=False),
    Column("release", Text, nullable=False),
)

releases = Table(
    "releases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("created_at", Text, nullable=False),
    Column("manifest_sha256", Text, nullable=False),
)

events = Table(
    "events",  # append-only: every write that changes labels
    metadata,
    Column("event_id", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
)
