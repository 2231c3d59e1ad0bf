"""From a firmware file to verified flash: image, algorithm, plan, engine.

Below stand ``target`` and ``symbols``; above stand ``registry`` and ``session``.
"""
