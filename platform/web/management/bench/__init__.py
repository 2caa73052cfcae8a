"""`make bench`: what the platform costs beside the least that the same machine could do, measured in one run.

Every timing is a pair: ours and the bare thing, one right after the other, in turn. What is told is the median of the
pairs' ratios, so that a slow or busy machine changes the milliseconds and hardly the ratios. It lies below `management`
because it drives the workers' pipeline, which nothing of the web process may import.
"""
