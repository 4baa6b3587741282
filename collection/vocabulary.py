"""What the demo's small world says: the kinds of objects, what people say of them, and of everything else."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of object: how it is called, its colours, where it stands in which scene, what people say of it."""

    names: tuple[str, ...]  # the first is used, no implicit text may hold any
    colours: str
    zones: dict[str, str]  # scene -> zone
    associations: tuple[str, ...]


KINDS = {
    "sun": Kind(
        ("sun", "sunny", "sunshine", "sunlight"),
        "yellow orange",
        {"meadow": "sky", "sea": "sky"},
        (
            "Finally warm enough to leave the jacket in the wardrobe",
            "Factor 50 on my nose and no plans until Monday",
            "Vitamin D levels restored, mood restored too",
            "Thirty degrees and I am not even complaining",
            "Best weather we have had in weeks",
        ),
    ),
    "moon": Kind(
        ("moon", "moonlight", "crescent"),
        "yellow white",
        {"night": "sky"},
        (
            "Cannot sleep again, too many thoughts",
            "Everybody else in bed and me wide awake",
            "Werewolf hours, my favourite part of the day",
            "One small step, they said",
            "Sweet dreams to all of you out there",
        ),
    ),
    "house": Kind(
        ("house", "home", "cottage", "building"),
        "red orange blue white pink",
        {"meadow": "ground", "night": "ground"},
        (
            "Got the keys today, I still do not believe it",
            "The mortgage is signed and I feel like a grown-up",
            "Back with my parents for the holidays, bliss",
            "Moving day survived, now where are the plates",
            "Three years of saving and it is all ours",
        ),
    ),
    "tree": Kind(
        ("tree", "oak", "leaves", "forest"),
        "green orange",
        {"meadow": "ground", "night": "ground"},
        (
            "Breathing deeper already, not an engine for miles",
            "As a child I climbed everything, ask my mother",
            "Autumn smells so good this year",
            "Planted by my grandfather, still growing strong",
            "A hundred years old and still standing proud",
        ),
    ),
    "car": Kind(
        ("car", "vehicle", "automobile", "motor"),
        "red blue green grey yellow",
        {"meadow": "ground", "night": "ground"},
        (
            "Road trip playlist is ready, who comes along",
            "Passed my driving test at the third attempt",
            "Fuel prices are a joke these days",
            "Are we there yet, asked every four minutes",
            "Six hours on the motorway and still singing",
        ),
    ),
    "boat": Kind(
        ("boat", "ship", "sailboat", "yacht"),
        "red blue brown green",
        {"sea": "water"},
        (
            "Captain for a day and loving it",
            "Wind in my hair and nowhere to be",
            "Learned three new knots this morning",
            "Slightly seasick but very happy",
            "Anchors aweigh, see you all in September",
        ),
    ),
    "fish": Kind(
        ("fish", "goldfish"),
        "orange blue red purple",
        {"sea": "water"},
        (
            "Told you I would catch something one day",
            "Just keep swimming, just keep swimming",
            "Finding Nemo made me cry again, I am thirty-four",
            "Three second memory club, that is me today",
            "Grandpa swore it was this big",
        ),
    ),
    "cat": Kind(
        ("cat", "kitten", "kitty"),
        "orange grey brown white",
        {"meadow": "ground", "room": "floor", "night": "ground"},
        (
            "She pushed my glasses off the desk and felt no guilt",
            "Nine lives and zero manners",
            "Purring so loud I had to turn up the radio",
            "Woken at five because somebody wanted breakfast",
            "Who needs an alarm with this one around",
        ),
    ),
    "cup": Kind(
        ("cup", "coffee", "mug", "tea"),
        "red blue green white purple",
        {"room": "floor"},
        (
            "Do not talk to me before the first sip",
            "Monday calls for a double espresso",
            "Caffeine level critical, send help",
            "Five minutes of peace before the kids wake up",
            "Barista spelled my name right for once",
        ),
    ),
    "umbrella": Kind(
        ("umbrella", "parasol"),
        "red blue purple yellow green",
        {"meadow": "ground", "sea": "beach", "room": "floor"},
        (
            "Came prepared while everybody else got soaked",
            "Mary Poppins would be proud of me",
            "Forecast says drizzle until Thursday",
            "Left it on the bus again, third one this year",
            "Dry shoes are a luxury these days",
        ),
    ),
    "cloud": Kind(
        ("cloud", "rain", "raining", "rainy"),
        "grey white",
        {"meadow": "sky", "sea": "sky"},
        (
            "Picnic cancelled, again",
            "Laundry was nearly dry, of course",
            "Typical bank holiday weather",
            "Puddle jumping season is open",
            "The garden will be grateful at least",
        ),
    ),
    "ball": Kind(
        ("ball", "football", "beachball"),
        "red blue green orange purple",
        {"meadow": "ground", "sea": "beach", "room": "floor"},
        (
            "Full time, what a match",
            "Who is up for a game after class",
            "Two nil up and they still blew it",
            "The neighbours want their window paid",
            "Practice makes perfect, says the coach",
        ),
    ),
    "flower": Kind(
        ("flower", "rose", "tulip", "blossom"),
        "red pink purple yellow white",
        {"meadow": "ground", "room": "floor"},
        (
            "Somebody remembered our anniversary",
            "Hay fever, my old enemy, we meet again",
            "Spring has finally arrived",
            "Mum is going to love this on Sunday",
            "The bees are busy this morning",
        ),
    ),
    "cake": Kind(
        ("cake", "candle", "pie"),
        "pink brown white purple",
        {"room": "floor"},
        (
            "Cannot believe another year has gone by",
            "Make a wish and do not tell anyone",
            "The diet starts tomorrow, promise",
            "Thirty today, thank you for all the messages",
            "Sugar rush in three, two, one",
        ),
    ),
    "clock": Kind(
        ("clock", "watch", "alarm clock"),
        "red blue green grey brown",
        {"room": "wall"},
        (
            "Why does Friday afternoon take for ever",
            "Late again, sorry everyone",
            "Two more hours until the weekend",
            "Where did this morning go",
            "Deadline at noon, wish me luck",
        ),
    ),
    "heart": Kind(
        ("heart", "hearts"),
        "red pink purple",
        {"room": "wall"},
        (
            "Missing you a little extra today",
            "Two years together and still butterflies",
            "She said yes",
            "Be my valentine, you fool",
            "I love you all, thank you for everything",
        ),
    ),
    "balloon": Kind(
        ("balloon", "balloons"),
        "red blue green yellow pink purple",
        {"meadow": "sky", "sea": "sky", "room": "wall"},
        (
            "Party mode on",
            "Feeling so light I could float away",
            "Up, up and away, goodbye worries",
            "Let go of what you cannot hold",
            "My voice went squeaky and I laughed for an hour",
        ),
    ),
}
PLACES = {
    "meadow": ("on the meadow", "out in the green", "in the countryside"),
    "night": ("at night", "in the dark", "under the stars"),
    "room": ("in our living room", "in the room", "at our place"),
    "sea": ("by the sea", "at the seaside", "on the coast"),
}
# what goes together too closely for a text on the one to be irrelevant to the other
AKIN = ({"sun", "moon", "umbrella", "cloud"}, {"boat", "fish"}, {"cake", "balloon", "heart", "flower", "cup"})
NAMING = (
    "Look at this {thing} {place}",
    "Saw a {thing} {place} and had to stop",
    "There is a {thing} {place}, what more do I need",
    "A {thing} on the {side}, if you look closely",
    "My {thing} {place}, as promised",
    "Whose {thing} is this {place}",
    "Today's subject: one {thing}",
    "Nothing but a {thing} {place} this time",
    "The {thing} {place} has my full attention",
    "That {thing} on the {side} is my favourite bit",
    "Never thought a {thing} could look this good",
    "Found a {thing} {place} this afternoon",
)
NAMING_TWO = (
    "A {thing} and a {other} {place}",
    "The {thing} or the {other}, which one do you like",
    "Just a {thing} next to a {other}",
    "My two favourites: the {thing} and the {other}",
)
NAMING_ELSEWHERE = (
    "Looking for a {thing}, any tips",
    "My uncle sold his {thing} for a fortune",
    "Dreamt of a {thing} last week, what does it mean",
    "Somebody stole my {thing}, what a world",
    "Wrote a whole essay about a {thing}",
    "The {thing} I ordered never arrived",
    "Is a {thing} worth the money",
    "Nobody needs a second {thing}, said nobody",
)
SUBJECTS = (
    "the new phone update", "our statistics exam", "the council election", "this printer", "my tax return",
    "the quarterly meeting", "episode four of that podcast", "the dentist", "my password manager", "the gym membership",
    "the season finale", "that grammar debate", "the passport office", "my guitar teacher", "the chess club",
    "the new manager", "our group project", "the wifi upstairs", "my thesis chapter", "the payroll department",
    "the shareholder report", "that job interview", "the spelling contest", "my inbox",
)  # fmt: skip
PREDICATES = (
    "is driving me up the wall", "went better than expected", "deserves its own documentary", "was a total waste",
    "is the talk of the office", "needs another three weeks", "gave me a headache", "surprised everyone",
    "is finally done", "was postponed without a word", "makes no sense to me", "is worse than last year",
)  # fmt: skip
REMARKS = (
    "Made my day", "No words", "More tomorrow", "You had to be there", "Ask me anything", "That is all",
    "My sister agrees", "Who else knows this feeling", "Could be worse", "It is what it is", "Not even joking",
    "Sorry not sorry", "Tell me I am not alone", "Please discuss", "Story of my life", "Do with that what you will",
    "First time for everything", "Some things never change", "I regret nothing", "Thoughts", "You are welcome",
    "Asking for a friend", "Long story", "Saving this for later", "Nobody warned me", "Still thinking about it",
)  # fmt: skip
TAILS = (
    "", "", "", "!", "...", " 😊", " 😅", " ✨", " 🙌", " lol", " haha", " #mood", " #random", " #justsaying", " tbh",
)  # fmt: skip
