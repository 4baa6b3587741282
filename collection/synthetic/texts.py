"""What a text is made of: sentences with a slot, feelings, fillers, noise, and what gives a class away in real feeds.

Nothing here names anything that can be drawn, except in the slot for a name (a test sees to it).
"""

import random
import string

NAMING = (
    "Still thinking about the {}", "Nobody talks enough about the {}", "Once more about the {}", "Not without my {}",
    "Told my sister all about the {}", "Day three with the {}", "Everybody has a view on the {}", "Ode to the {}",
    "Three cheers for the {}", "In praise of the {}", "Give me the {} any day", "Somebody had to mention the {}",
    "So much for the {}", "Long live the {}", "Anyone else with opinions on the {}", "Team {} since day one",
    "Had a dream about the {}", "One day without the {}, they said", "It had to be the {}", "My {} and me",
)  # fmt: skip
ASSOCIATING = (
    "Reminds me of {}", "All I can think of: {}", "Today's theme: {}", "Currently: {}", "File under {}",
    "It is giving {}", "One thing on my mind: {}", "Ask me about {}", "Big day for {}", "As the saying goes: {}",
    "Somewhere between a nap and {}", "I say {}, you say what", "Word of the day: {}", "Two votes for {}",
    "Talk to me about {}", "There is always {}", "More of this: {}", "Never far away: {}",
)  # fmt: skip
FILLERS = (
    "Made my day", "No words", "More tomorrow", "You had to be there", "Ask me anything", "That is all",
    "My sister agrees", "Who else knows this", "Could be worse", "It is what it is", "Not even joking",
    "Sorry not sorry", "Tell me I am not alone", "Please discuss", "Story of my life", "Do with that what you will",
    "First time for everything", "Some things never change", "I regret nothing", "Thoughts", "You are welcome",
    "Asking for a friend", "Saving this for later", "Nobody warned me", "The printer at work died again",
    "The council meeting went on for ever", "My tax return is nearly done", "Exam results come out on Thursday",
    "The dentist says hello", "Our group project needs another week", "The wifi upstairs gave up",
)  # fmt: skip
PEOPLE = ("ann", "bob", "cy", "dana", "eli", "fay", "gus", "hana", "ivo", "jo")
HASHTAGS = (
    "#random", "#justsaying", "#tbt", "#monday", "#weekend", "#life", "#today", "#thoughts", "#2021", "#nofilter",
)  # fmt: skip
JOINS = (". ", ". ", ". ", " - ", "... ", "! ", " ✨ ", "\n")
TYPICAL = {  # of a class in real feeds; only a dataset with a leak has them
    "explicit": ("as you can see here", "look at this", "pictured just now", "here it is", "zoom in", "close-up"),
    "implicit": ("mood", "if you know you know", "this feeling", "same energy", "#relatable", "it be like that"),
    "irrelevant": ("link in bio", "new post on the blog", "follow for more", "vote for us", "sign up today", "#ad"),
}


def compose(
    name: str,
    association: str,
    feeling: str | None,
    typical: str | None,
    rng: random.Random,
    typos: float,
    clutter: float,
) -> str:
    """Return a text with its slots filled, in any order, with fillers and noise.

    Args:
        typos: share of the words in which two letters change places.
        clutter: share of the texts with a mention; the same again with a link, and with a hashtag.
    """
    parts = [rng.choice(NAMING).format(name), rng.choice(ASSOCIATING).format(association)]
    parts += [feeling] if feeling else []
    parts += rng.sample(FILLERS, rng.choices((0, 1, 2), (5, 4, 1))[0])
    rng.shuffle(parts)
    text = parts[0]
    for part in parts[1:]:
        text += rng.choice(JOINS) + part
    words = [_typo(word, rng) if rng.random() < typos else word for word in text.split(" ")]
    if typical:
        words.insert(rng.choice((0, len(words))), typical)
    if rng.random() < clutter:
        words.insert(rng.choice((0, len(words))), f"@{rng.choice(PEOPLE)}{rng.randrange(100)}")
    if rng.random() < clutter:
        words.append(f"https://example.org/{''.join(rng.choices(string.ascii_lowercase, k=5))}")
    if rng.random() < clutter:
        words.append(rng.choice(HASHTAGS))
    return " ".join(words)


def _typo(word: str, rng: random.Random) -> str:
    if len(word) < 4 or not word.isalpha():
        return word
    at = rng.randrange(1, len(word) - 1)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
