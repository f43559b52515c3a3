"""What models predicted.

Poses are read from the files of DeepLabCut, Lightning Pose and SLEAP, and matched to videos. Classes, boxes, masks and
keypoints of pictures and frames are read and written in LightlyOne's format and COCO's, and scored.
"""

from .coco import CocoDataset, CocoImage, read_coco, read_coco_dataset
from .coco_writing import write_coco
from .filtering import Bones, bones, filter_file, filter_poses, skeleton_file
from .labels import Labels, read_labels
from .lightly.metadata import Metadata, read_metadata
from .lightly.names import FrameName, frame_name, parse_frame_name, prediction_path
from .lightly.reading import CheckedTask, read_lightly, validate_lightly
from .lightly.writing import TaskFolder, write_lightly
from .matching import check_fits, find_predictions
from .metrics import Metric, read_metric
from .objects import Category, Fault, TaskPredictions
from .poses import Poses
from .reading import read
from .scores import category_count, class_distribution, for_select, scores
from .segments import objects_of_masks, segments_of_class_maps, segments_of_probabilities
from .videos import for_video

__all__ = [
    "Bones",
    "Category",
    "CheckedTask",
    "CocoDataset",
    "CocoImage",
    "Fault",
    "FrameName",
    "Labels",
    "Metadata",
    "Metric",
    "Poses",
    "TaskFolder",
    "TaskPredictions",
    "bones",
    "category_count",
    "check_fits",
    "class_distribution",
    "filter_file",
    "filter_poses",
    "find_predictions",
    "for_select",
    "for_video",
    "frame_name",
    "objects_of_masks",
    "parse_frame_name",
    "prediction_path",
    "read",
    "read_coco",
    "read_coco_dataset",
    "read_labels",
    "read_lightly",
    "read_metadata",
    "read_metric",
    "scores",
    "segments_of_class_maps",
    "segments_of_probabilities",
    "skeleton_file",
    "validate_lightly",
    "write_coco",
    "write_lightly",
]
