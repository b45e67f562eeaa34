"""PASCAL VOC's twenty classes, whose order numbers the masks of SPair-71k and the pairs of
PF-Pascal.
"""

VOC_CLASSES = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
CLASS_ID = {
    name: i + 1 for i, name in enumerate(VOC_CLASSES)
}  # the number of a class in a segmentation mask and in lists
