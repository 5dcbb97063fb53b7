import Base
import Quants

/// A way in which the weights of a family are named and stored.
package enum Dialect: String, Sendable, CaseIterable {
  /// As transformers publishes them.
  case huggingFace
  /// As MLX stores them: norms as factors, convolutions with their channels last. Its names are Hugging Face's here; the prefixes
  /// that a folder has instead are read from it (``TensorRule/savedName``).
  case mlx
  /// As GGUF keeps them.
  case gguf
}

/// How one tensor of a family is named and stored in every dialect, and how one form becomes another.
///
/// Rules are declared once and serve all directions: each form is reached from the published one by steps that can be undone.
package struct TensorRule: Sendable, Equatable {
  /// The part of a model a tensor belongs to; parts can be left out or written to files of their own.
  package enum Part: String, Sendable, CaseIterable {
    case text, mtp, vision
  }

  /// A tensor as one dialect has it.
  private struct Form: Sendable, Equatable {
    var name: String
    /// Outermost first.
    var shape: Shape
    /// Steps from the published values, in order.
    var steps: [TensorTransform]
  }

  package let part: Part
  /// The dtype the family publishes this tensor in.
  package let declared: ElementType
  /// The blocks it is published in, words and scales as a tensor each; nil for numbers.
  package var publishedBlocks: TensorType?
  /// The type in which GGUF always has it, whatever is asked for; nil for those that follow.
  package private(set) var ggufType: TensorType?
  /// The name under which the opened folder keeps it: the published one unless its saver chose another.
  package var savedName: String
  /// The dialect of the opened folder.
  package var savedDialect = Dialect.huggingFace
  private let published: Form
  private let mlx: Form
  private let gguf: Form
  /// The values of a tensor that GGUF alone stores and others work out from the configuration; nil for one that every dialect stores.
  package private(set) var computed: [Float]?

  /// Declares a rule.
  ///
  /// - Parameters:
  ///   - huggingFace: the full name in the published checkpoint.
  ///   - gguf: the full name in GGUF.
  ///   - part: the part of the model it belongs to.
  ///   - shape: that of the published tensor.
  ///   - ggufShape: that in GGUF, where it differs.
  ///   - steps: from the published values to those of GGUF, in order.
  ///   - mlx: shape and steps of MLX's form, where it differs from the published one.
  ///   - declared: the type it is published in.
  package init(
    _ huggingFace: String, _ gguf: String, part: Part = .text, shape: [Int], ggufShape: [Int]? = nil,
    steps: [TensorTransform] = [], mlx: (shape: [Int], steps: [TensorTransform])? = nil, declared: ElementType = .bf16
  ) {
    self.part = part
    self.declared = declared
    savedName = huggingFace
    published = Form(name: huggingFace, shape: Shape(shape), steps: [])
    self.mlx = Form(name: huggingFace, shape: Shape(mlx?.shape ?? shape), steps: mlx?.steps ?? [])
    self.gguf = Form(name: gguf, shape: Shape(ggufShape ?? shape), steps: steps)
  }

  /// Declares a vector that GGUF alone stores, such as Llama 3's `rope_freqs`.
  package init(computed values: [Float], _ gguf: String, part: Part = .text) {
    self.init(gguf, gguf, part: part, shape: [values.count], declared: .f32)
    computed = values
  }

  /// The same rule for a tensor that GGUF has in one type only.
  package func stored(as type: TensorType) -> TensorRule {
    var copy = self
    copy.ggufType = type
    return copy
  }

  /// Whether tensors of a dialect include this one.
  package func isStored(in dialect: Dialect) -> Bool { computed == nil || dialect == .gguf }

  private func form(_ dialect: Dialect) -> Form {
    switch dialect {
    case .huggingFace: published
    case .mlx: mlx
    case .gguf: gguf
    }
  }

  /// The full name in a dialect.
  package func name(in dialect: Dialect) -> String { form(dialect).name }

  /// The shape in a dialect, outermost first.
  package func shape(in dialect: Dialect) -> Shape { form(dialect).shape }

  /// The steps from the values of one dialect to those of another, in order.
  package func steps(from: Dialect, to: Dialect) -> [TensorStep] {
    let (back, forth) = (form(from).steps, form(to).steps)
    // What both begin with would be undone and done again.
    let common = zip(back, forth).prefix { $0 == $1 }.count
    return back.dropFirst(common).reversed().map { TensorStep(undoing: $0) }
      + forth.dropFirst(common).map { TensorStep($0) }
  }
}

/// One invertible step from the published form of a tensor to another.
package enum TensorTransform: Sendable, Equatable {
  /// `1 + w`: GGUF and MLX store the factor of a norm, Hugging Face its distance from one.
  case addOne
  /// `-exp(w)`: GGUF stores the decay rate, Hugging Face its logarithm.
  case negativeExponential
  /// Whole rows of the matrix change places.
  case rows(BlockPermutation)
  /// Columns of every row change places.
  case columns(BlockPermutation)
  /// Every item of the outermost dimension, a matrix of so many rows and columns, is transposed.
  case transposed(rows: Int, columns: Int)
  /// One of several planes that the published tensor keeps in one.
  case plane(Plane)
  /// An item of the outermost dimension of a tensor that the other dialect keeps in one: an expert.
  case item(Int, of: Int)
  /// Some rows of the published matrix, in this order: a part of a fused one whose other rows are parts of the same name.
  case selection([Range<Int>])

  /// A plane cut out of `[…, planes, …]`.
  package struct Plane: Sendable, Equatable {
    /// Which plane, and of how many.
    package let index: Int
    package let count: Int
    /// Values of one plane that lie together (rows times columns of a patch).
    package let width: Int

    package init(index: Int, count: Int, width: Int) {
      self.index = index
      self.count = count
      self.width = width
    }
  }

  /// Whether the step gives rows or columns another order.
  package var reorders: Bool {
    switch self {
    case .rows, .columns: true
    case .addOne, .negativeExponential, .transposed, .plane, .item, .selection: false
    }
  }

  /// Whether the step computes new values instead of moving them.
  package var changesValues: Bool { self == .addOne || self == .negativeExponential }
}

/// A transform that is done, or one that is undone and cannot be written as another that is done.
package struct TensorStep: Sendable, Equatable {
  package let transform: TensorTransform
  package let isUndone: Bool

  package init(_ transform: TensorTransform) { self.init(transform, isUndone: false) }

  private init(_ transform: TensorTransform, isUndone: Bool) {
    self.transform = transform
    self.isUndone = isUndone
  }

  /// The step back.
  package init(undoing transform: TensorTransform) {
    switch transform {
    case .rows(let order): self.init(.rows(order.inverse))
    case .columns(let order): self.init(.columns(order.inverse))
    case .transposed(let rows, let columns): self.init(.transposed(rows: columns, columns: rows))
    case .addOne, .negativeExponential, .plane, .item, .selection: self.init(transform, isUndone: true)
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
