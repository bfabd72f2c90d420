"""How far a bicycle rolls for one turn of the pedals."""

import math


def metres_per_turn(chainring_teeth: int, sprocket_teeth: int, wheel_diameter: float = 0.622) -> float:
    """Development in metres: the wheel's circumference times the gear ratio of chainring and rear sprocket."""
    return math.pi * wheel_diameter * chainring_teeth / sprocket_teeth


def cadence(speed_kmh: float, chainring_teeth: int, sprocket_teeth: int) -> float:
    """Turns of the crank per minute that a rider needs for a speed."""
    return speed_kmh * 1000 / 60 / metres_per_turn(chainring_teeth, sprocket_teeth)


if __name__ == "__main__":
    for sprocket in (11, 13, 15, 18, 21, 24, 28):
        print(sprocket, round(metres_per_turn(46, sprocket), 2), round(cadence(25, 46, sprocket)))
