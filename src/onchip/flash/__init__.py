"""From a firmware file to verified flash.

    image, placing          what goes where
    algorithm, regions      which functions do it (FLM), and what they say of the flash
    planner, sums, verify   what is there, what has to change, what has to be there
    engine, job, schedule   a job, its steps, and the calls they are made of
    runner, ladder, watch   calls carried out on the target: in which way, and what went wrong
    ring_runner, driver, ring, feed ...; call_runner    the ways: ADR 0017

Below stand ``target`` and ``symbols``; above stand ``registry`` and ``session``.
"""
