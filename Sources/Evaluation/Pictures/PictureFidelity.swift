/// A picture both models looked at, and what the model before said of it.
package struct ComparedPicture: Sendable {
  package let name: String
  /// Of the file's bytes.
  package let sha256: String
  package let width: Int
  package let height: Int
  /// The file's bytes: a PNG or JPEG.
  package let file: [UInt8]
  package let prompt: String
  /// The greedy answer of the model before, the end token not in it.
  package let answer: String
  /// Its tokens one by one, the end token included where there was one.
  package let answerTokens: [String]
  /// -ln p of each of them.
  package let logLoss: [Double]
  /// What is to be seen, where that is known.
  package let caption: String?
  /// How many nats a token come from the pixels: the divergence of the answer given the picture from that given a grey one.
  package let information: Double

  package init(
    name: String, sha256: String, width: Int, height: Int, file: [UInt8], prompt: String, answer: String,
    answerTokens: [String], logLoss: [Double], caption: String?, information: Double
  ) {
    self.name = name
    self.sha256 = sha256
    self.width = width
    self.height = height
    self.file = file
    self.prompt = prompt
    self.answer = answer
    self.answerTokens = answerTokens
    self.logLoss = logLoss
    self.caption = caption
    self.information = information
  }

  /// Nats a token below which an answer would be the same without the picture, which then tests nothing.
  package static let leastInformation = 0.05
}

/// What a model lost of its sight: its predictions along the answers of the model before.
package struct PictureFidelity: Sendable {
  /// Divergence per answer token, its error clustered by picture.
  package let divergence: Estimate
  /// Mean of the pictures' mean divergences.
  package let divergencePerPicture: Estimate
  package let reverseDivergence: Estimate
  package let top1Agreement: Estimate
  /// -ln q of a token of the answers before, and -ln p.
  package let logLoss: Estimate
  package let logLossBefore: Estimate
  /// Divergence over what the pictures tell, both per token: the share of sight that is lost; nil where they tell nothing.
  package let sightLost: Double?
  /// The file that the vision encoder lies in.
  package let encoder: String
  /// Picture by picture, in the order of the validation's.
  package let pictures: [Answer]
  /// Where it was lost; nil where text and vision encoder cannot be exchanged one by one.
  package let attribution: Attribution?
  /// How the true captions fare; nil where none are known.
  package let captions: Captions?
  package let level: FidelityLevel
  package let alarms: [String]

  /// What became of one picture.
  package struct Answer: Sendable {
    /// Divergence at each token of the answer before, the end token included.
    package let divergence: [Double]
    package let meanReverseDivergence: Double
    package let top1Agreement: Double
    /// Tokens up to the first at which another is likeliest; all of them where there is none.
    package let firstDifference: Int
    /// The model's own greedy answer.
    package let answer: String
    package let isSame: Bool
    /// -ln q of each token of the answer before.
    package let logLoss: [Double]
    /// How far the rows are that stand for the picture; nil where one of the models makes none of its own.
    package let embedding: RowDifference?

    package init(
      divergence: [Double], meanReverseDivergence: Double, top1Agreement: Double, firstDifference: Int, answer: String,
      isSame: Bool, logLoss: [Double], embedding: RowDifference?
    ) {
      self.divergence = divergence
      self.meanReverseDivergence = meanReverseDivergence
      self.top1Agreement = top1Agreement
      self.firstDifference = firstDifference
      self.answer = answer
      self.isSame = isSame
      self.logLoss = logLoss
      self.embedding = embedding
    }
  }

  /// Divergence per answer token of each pair of text model and vision encoder.
  package struct Attribution: Sendable {
    /// Text after, vision before.
    package let text: Estimate
    /// Text before, vision after.
    package let vision: Estimate
    /// Both after.
    package let both: Estimate
    /// What the two make together beyond their sum.
    package var interaction: Double { both.value - text.value - vision.value }

    package init(text: Estimate, vision: Estimate, both: Estimate) {
      self.text = text
      self.vision = vision
      self.both = both
    }
  }

  /// What the models make of captions that are true.
  package struct Captions: Sendable, Equatable {
    /// Answers that have one.
    package let count: Int
    /// Answers that are word for word the caption.
    package let exactBefore: Int
    package let exactAfter: Int
    /// -ln of the probability of a token of a caption.
    package let logLossBefore: Estimate
    package let logLossAfter: Estimate
    /// Their difference, its error from the pairs.
    package let logLossIncrease: Estimate
  }

  /// Answers that are the same, token for token.
  package var sameAnswers: Int { pictures.count { $0.isSame } }

  /// The least cosine of all rows of all pictures; nil where one of the models has no vision
  /// encoder of its own.
  package var leastCosine: Double? { pictures.compactMap { $0.embedding?.leastCosine }.min() }

  package init(
    divergence: Estimate, divergencePerPicture: Estimate, reverseDivergence: Estimate, top1Agreement: Estimate,
    logLoss: Estimate, logLossBefore: Estimate, sightLost: Double?, encoder: String, pictures: [Answer],
    attribution: Attribution?, captions: Captions?, level: FidelityLevel, alarms: [String]
  ) {
    self.divergence = divergence
    self.divergencePerPicture = divergencePerPicture
    self.reverseDivergence = reverseDivergence
    self.top1Agreement = top1Agreement
    self.logLoss = logLoss
    self.logLossBefore = logLossBefore
    self.sightLost = sightLost
    self.encoder = encoder
    self.captions = captions
    self.pictures = pictures
    self.attribution = attribution
    self.level = level
    self.alarms = alarms
  }
}
