"""The list of all tasks, by the name that a data set says (`data.task`)."""

from corrlib.experiments.tasks import flow, joints, masks, planes
from corrlib.experiments.tasks.task import Task, require_maps
from corrlib.matching.propagation import Rule

TASKS = {
    "flow": Task(flow.ask, flow.count, flow.FlowSettings, flow.WORDS, flow.require_grid),
    "planes": Task(planes.ask, planes.count, planes.PlaneSettings, planes.WORDS, require_maps),
    "masks": Task(masks.ask, masks.count, Rule, masks.WORDS, require_maps),
    "joints": Task(joints.ask, joints.count, joints.JointSettings, joints.WORDS, require_maps),
}
