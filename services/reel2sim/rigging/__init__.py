"""From surfels that move to an articulated asset: parts, joints and bodies."""
