"""From a firmware file to verified flash.

    image, placing          what goes where
    algorithm, regions      which functions do it (FLM), and what they say of the flash
    planner, sums, verify   what is there, what has to change, what has to be there
    engine, attempts, job, schedule   a job, again where that helps, its steps, and their calls
    runner, ladder, watch   calls carried out on the target: in which way, and what went wrong
    ring_runner, driver, ring, feed ...; call_runner    the ways: ADR 0017

Below stand ``target`` and ``symbols``; above stand ``registry`` and ``session``.
"""
