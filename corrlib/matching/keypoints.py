"""Places of an image that can be found again in another one of the same plane."""

import numpy as np
import torch
from PIL import Image

from corrlib.coords import Points


def corners(image: Image.Image, count: int) -> Points:
    """At most `count` corners of an image in pixels, the strongest first (Shi and Tomasi, 1994;
    OpenCV's, at least 4 pixels apart).
    """
    import cv2

    grey = np.asarray(image.convert("L"))
    found = cv2.goodFeaturesToTrack(grey, count, qualityLevel=1e-3, minDistance=4)
    return torch.zeros(0, 2) if found is None else torch.from_numpy(found[:, 0]).float()
