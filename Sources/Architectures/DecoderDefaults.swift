extension DecoderConfiguration {
  /// What a family's files mean by a field that they leave out, and what they may say.
  package struct Defaults: Sendable {
    /// The base of the rotary frequencies; nil where files have to say it.
    package var ropeTheta: Double?
    /// The part of a head that is rotated.
    package var rotaryPart = 1.0
    /// Sections of the rotary frequencies; nil for a family that has none.
    package var mropeSection: [Int]?
    /// The ways in which the rotary embedding may be stretched.
    package var scalings: Set<RopeScaling.Kind> = []
    /// Whether YaRN rounds the ends of its ramp where files do not say.
    package var truncatesYaRN = true
    package var contextLength = 32768
    /// Width of a dense feed-forward part, zero for a family that has none; nil where files have to say it.
    package var intermediateSize: Int?
    package var rmsEpsilon = 1e-6
    /// Attention heads; nil where files have to say it.
    package var headCount: Int?
    /// Key-value heads; nil for as many as attention heads.
    package var keyValueHeadCount: Int?
    /// Width of a head; nil for the hidden size over the heads.
    package var headDimension: Int?
    /// Rows of the embedding table; nil where files have to say it.
    package var vocabularySize: Int?

    package init(ropeTheta: Double? = nil, rotaryPart: Double = 1, mropeSection: [Int]? = nil) {
      (self.ropeTheta, self.rotaryPart, self.mropeSection) = (ropeTheta, rotaryPart, mropeSection)
    }
  }
}
