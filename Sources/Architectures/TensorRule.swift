import Base

/// How one tensor of a family is named and stored in a Hugging Face checkpoint and in GGUF, and how one becomes the other.
///
/// Rules are declared once and serve both directions: conversion applies `transforms` forwards, restoring backwards.
package struct TensorRule: Sendable, Equatable {
  /// The part of a model a tensor belongs to; parts can be left out or written to files of their own.
  package enum Part: String, Sendable, CaseIterable {
    case text, mtp, vision
  }

  /// The full name in the Hugging Face checkpoint.
  package let huggingFace: String
  /// The full name in GGUF.
  package let gguf: String
  package let part: Part
  /// The shape in the Hugging Face checkpoint, outermost first.
  package let huggingFaceShape: Shape
  /// The shape in GGUF, outermost first.
  package let ggufShape: Shape
  /// Steps from the Hugging Face values to those of GGUF, in order.
  package let transforms: [TensorTransform]
  /// The dtype the family publishes this tensor in.
  package let declared: ElementType

  package init(
    _ huggingFace: String, _ gguf: String, part: Part = .text, shape: [Int], ggufShape: [Int]? = nil,
    transforms: [TensorTransform] = [], declared: ElementType = .bf16
  ) {
    self.huggingFace = huggingFace
    self.gguf = gguf
    self.part = part
    self.huggingFaceShape = Shape(shape)
    self.ggufShape = Shape(ggufShape ?? shape)
    self.transforms = transforms
    self.declared = declared
  }

  /// Whether a step computes new values instead of moving them.
  package var changesValues: Bool { transforms.contains(where: \.changesValues) }
}

/// One invertible step between the two forms of a tensor.
package enum TensorTransform: Sendable, Equatable {
  /// `1 + w`: GGUF stores the factor of a norm, Hugging Face its distance from one.
  case addOne
  /// `-exp(w)`: GGUF stores the decay rate, Hugging Face its logarithm.
  case negativeExponential
  /// Whole rows of the GGUF matrix change places.
  case rows(BlockPermutation)
  /// Columns of every row change places.
  case columns(BlockPermutation)
  /// One temporal plane of a patch embedding.
  case plane(Plane)

  /// A plane cut out of `[…, planes, …]`.
  package struct Plane: Sendable, Equatable {
    /// Which plane, and of how many.
    package let index: Int
    package let count: Int
    /// Values of one plane that lie together (rows times columns of a patch).
    package let width: Int
    /// Values beside each other that belong to different channels: 1 when channels are outermost, else their number.
    package let interleavedChannels: Int

    package init(index: Int, count: Int, width: Int, interleavedChannels: Int = 1) {
      self.index = index
      self.count = count
      self.width = width
      self.interleavedChannels = interleavedChannels
    }
  }

  /// Whether the step computes new values instead of moving them.
  package var changesValues: Bool {
    switch self {
    case .addOne, .negativeExponential: true
    case .rows, .columns, .plane: false
    }
  }
}

extension BlockPermutation {
  /// The order in which GGUF keeps value heads: head `k * ratio + j` of key head `k` goes to `j * keyHeads + k`.
  package init(keyHeads: Int, ratio: Int, first: Int = 0, block: Int) {
    self.init(
      first: first, block: block,
      sources: (0..<keyHeads * ratio).map { ($0 % keyHeads) * ratio + $0 / keyHeads })
  }
}

/// What GGUF names of tensors say.
package enum TensorName {
  /// The decoder layer of `blk.N.…`; nil for a tensor outside of them.
  package static func layer(of gguf: String) -> Int? {
    guard gguf.hasPrefix("blk.") else { return nil }
    return Int(gguf.dropFirst(4).prefix { $0 != "." })
  }
}
