"""How wrong each instrument probably is, when it will be too wrong to use, and the work order before that day.

`verification` is the law and its paper, `engine` the mathematics, `service` where the two meet, `ports` what the
service needs of the outside world.
"""
