"""The types that every floor speaks of. Pictures and maps come in sizes of their own; their sides have no names."""

from jaxtyping import Float
from torch import Tensor

Image = Float[Tensor, "3 _ _"]  # sRGB, 0..1
Map = Float[Tensor, "_ _"]  # 0..1
Size = tuple[int, int]  # h, w
Point = tuple[float, float]  # x, y in 0..1 from the top left corner; pixel i of n has its center at (i + 1/2) / n
Points = Float[Tensor, "_ 2"]  # the same, as rows
Grid = Float[Tensor, "_ _ 2"]  # for each pixel of one picture, the point of another that it looks at
Homography = Float[Tensor, "3 3"]  # carries points of one picture to points of another; fp64
