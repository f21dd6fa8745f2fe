"""A small anchor-free detector: one box and one score per class at every 16th pixel.

Its output is that of YOLOv8's exports: 1 x (4 + classes) x anchors, with cx cy w h in input pixels, then scores 0..1.
Positive cells and the loss follow FCOS (center sampling) with binary cross-entropy and GIoU.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 16
_CENTER_SHARE = 0.2
_MIN_CENTER_RADIUS = 0.75 * STRIDE
_SCORE_PRIOR_LOGIT = -4.0


class ConvBlock(nn.Sequential):
    """Convolution, batch norm, ReLU. The export folds the norm into the convolution."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
        )


class Residual(nn.Module):
    """Two convolutions, with half the channels between them, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(ConvBlock(channels, channels // 2), ConvBlock(channels // 2, channels))

    def forward(self, features: Tensor) -> Tensor:
        return features + cast(Tensor, self.body(features))


class Detector(nn.Module):
    """The network, with about 430,000 parameters. Its input is n x 3 x h x w, RGB 0..1, with sides that are multiples
    of 32."""

    def __init__(self, class_count: int) -> None:
        super().__init__()
        self.to_stride_16 = nn.Sequential(
            ConvBlock(3, 16, stride=2),
            ConvBlock(16, 32, stride=2),
            Residual(32),
            ConvBlock(32, 48, stride=2),
            Residual(48),
            Residual(48),
            ConvBlock(48, 80, stride=2),
            Residual(80),
            Residual(80),
        )
        self.to_stride_32 = nn.Sequential(ConvBlock(80, 96, stride=2), Residual(96))
        self.merge = nn.Sequential(ConvBlock(80 + 96, 80, kernel=1), ConvBlock(80, 80))
        self.head = nn.Conv2d(80, 4 + class_count, 1)
        nn.init.constant_(cast(Tensor, self.head.bias)[4:], _SCORE_PRIOR_LOGIT)

    def forward(self, images: Tensor) -> Tensor:
        """The exported output: n x (4 + classes) x anchors."""
        boxes, logits = self.predict(images)
        x1, y1, x2, y2 = boxes.unbind(dim=2)
        centered = torch.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], dim=1)
        return torch.cat([centered, logits.sigmoid().transpose(1, 2)], dim=1)

    def predict(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes n x anchors x 4 (x1 y1 x2 y2 in pixels) and class logits n x anchors x classes."""
        middle = self.to_stride_16(images)
        wide = functional.interpolate(self.to_stride_32(middle), scale_factor=2.0, mode="nearest")
        output = self.head(self.merge(torch.cat([middle, wide], dim=1)))
        centers = cell_centers(output.shape[2], output.shape[3]).to(output)
        flat = output.flatten(2).transpose(1, 2)
        reach = flat[..., :4].clamp(-4, 4).exp() * STRIDE
        boxes = torch.cat([centers - reach[..., :2], centers + reach[..., 2:]], dim=2)
        return boxes, flat[..., 4:]


def cell_centers(rows: int, columns: int) -> Tensor:
    """x and y in pixels of every cell's center, (rows * columns) x 2."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return (torch.stack([x, y], dim=2).reshape(-1, 2) + 0.5) * STRIDE


def detection_loss(boxes: Tensor, logits: Tensor, true_boxes: Tensor, true_classes: Tensor, centers: Tensor) -> Tensor:
    """The training loss: binary cross-entropy for classes and GIoU for boxes.

    Args:
        boxes, logits: the results of `Detector.predict`.
        true_boxes: n x hands x 4, x1 y1 x2 y2 in pixels.
        true_classes: n x hands, -1 for no hand.
    """
    hand = assign_cells(true_boxes, true_classes, centers)
    positive = hand >= 0
    count = positive.sum().clamp(min=1)
    picture, cell = positive.nonzero(as_tuple=True)
    chosen = hand[picture, cell]
    targets = torch.zeros_like(logits)
    targets[picture, cell, true_classes[picture, chosen]] = 1.0
    score_loss = functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / count
    overlap = generalized_iou(boxes[picture, cell], true_boxes[picture, chosen])
    return score_loss + 2.0 * (1 - overlap).sum() / count


def assign_cells(true_boxes: Tensor, true_classes: Tensor, centers: Tensor) -> Tensor:
    """For each cell the index of the hand whose middle it lies in (the smallest of several), or -1: n x anchors."""
    middle, sides = (true_boxes[..., :2] + true_boxes[..., 2:]) / 2, true_boxes[..., 2:] - true_boxes[..., :2]
    radius = (_CENTER_SHARE * sides).clamp(min=_MIN_CENTER_RADIUS)
    near = ((centers[None, :, None] - middle[:, None]).abs() < radius[:, None]).all(dim=3)
    near &= (true_classes >= 0)[:, None]
    area = sides.prod(dim=2)[:, None].expand_as(near).masked_fill(~near, float("inf"))
    smallest, hand = area.min(dim=2)
    return hand.masked_fill(smallest.isinf(), -1)


def generalized_iou(first: Tensor, second: Tensor) -> Tensor:
    """GIoU (Rezatofighi et al., 2019) of n pairs of boxes n x 4, x1 y1 x2 y2."""
    inner = (torch.minimum(first[:, 2:], second[:, 2:]) - torch.maximum(first[:, :2], second[:, :2])).clamp(min=0)
    outer = torch.maximum(first[:, 2:], second[:, 2:]) - torch.minimum(first[:, :2], second[:, :2])
    areas = (first[:, 2:] - first[:, :2]).prod(dim=1), (second[:, 2:] - second[:, :2]).prod(dim=1)
    intersection, hull = inner.prod(dim=1), outer.prod(dim=1)
    union = areas[0] + areas[1] - intersection
    return intersection / union - (hull - union) / hull
