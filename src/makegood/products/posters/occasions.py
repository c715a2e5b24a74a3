"""Words to begin with, by occasion: plain, warm, and meant to be changed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A title and a caption that go together."""

    title: str
    caption: str


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a poster is made for, with texts to choose from and the template that suits it best."""

    id: str
    name: str
    template: str
    suggestions: tuple[Suggestion, ...]


OCCASIONS: tuple[Occasion, ...] = (
    Occasion(
        "love",
        "Love",
        "heart",
        (
            Suggestion("You & me", "Your voice is my favourite place to be."),
            Suggestion("Still you", "Out of everyone, every day, still you."),
            Suggestion("Our song", "The one we danced to in the kitchen."),
        ),
    ),
    Occasion(
        "birthday",
        "Birthday",
        "plaque",
        (
            Suggestion("Happy birthday", "Everyone who loves you, in one breath. Scan and hear us sing."),
            Suggestion("Another year of you", "We are so glad you were born."),
            Suggestion("Forty, and counting", "Play it loud. You have earned it."),
        ),
    ),
    Occasion(
        "wedding",
        "Wedding",
        "framed",
        (
            Suggestion("We do", "The words we said, in the voices we said them in."),
            Suggestion("Our vows", "I promise to choose you, every ordinary day."),
            Suggestion("First dance", "Three minutes in which nobody else was there."),
        ),
    ),
    Occasion(
        "anniversary",
        "Anniversary",
        "circular",
        (
            Suggestion("Ten years of us", "And I would say yes again before you finished asking."),
            Suggestion("Then and now", "The same two people. A few more stories."),
        ),
    ),
    Occasion(
        "baby",
        "A new baby",
        "circular",
        (
            Suggestion("Hello, little one", "The first sound you ever made for us."),
            Suggestion("Heartbeat", "We heard you before we saw you."),
            Suggestion("First laugh", "It lasted four seconds and we have not been the same since."),
        ),
    ),
    Occasion(
        "memorial",
        "In memory",
        "arch",
        (
            Suggestion("Always near", "Your voice is still in this house."),
            Suggestion("In loving memory", "What we keep of you, we keep for good."),
            Suggestion("One more time", "Whenever we want to hear you say it."),
        ),
    ),
    Occasion(
        "friendship",
        "Friendship",
        "full-page",
        (
            Suggestion("Remember this?", "The voice message that made us miss our stop."),
            Suggestion("My people", "Same jokes since forever. Never change."),
        ),
    ),
    Occasion(
        "pet",
        "A pet",
        "arch",
        (
            Suggestion("Good dog", "The most important bark in the world."),
            Suggestion("Home is where you purr", "Small engine, big heart."),
        ),
    ),
    Occasion(
        "graduation",
        "Graduation",
        "minimal",
        (
            Suggestion("You did it", "This is what it sounded like when they called your name."),
            Suggestion("Onwards", "We always knew. Now you do too."),
        ),
    ),
    Occasion(
        "holiday",
        "Holidays",
        "gift-card",
        (
            Suggestion("Home for the holidays", "All of us at one table, talking at the same time."),
            Suggestion("That summer", "The sea, the wind, and you laughing in between."),
        ),
    ),
)
"""Every occasion, in the order to show them."""
