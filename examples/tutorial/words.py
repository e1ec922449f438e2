"""Counts the words of its arguments: a program that knows nothing of boxes."""

import collections
import sys

counts = collections.Counter(word.lower() for text in sys.argv[1:] for word in text.split())
for word, count in sorted(counts.items()):
    print(count, word)
