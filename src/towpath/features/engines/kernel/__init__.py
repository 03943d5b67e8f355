"""The compiled part: everything under here, and only that, runs through the compiler."""
